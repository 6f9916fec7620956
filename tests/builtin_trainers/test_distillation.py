"""Another model's episodes in the policy's own tokens: where a turn ends is learnt with what was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfchal.builtin_models.config import TransformersConfig
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.builtin_trainers.offline import in_own_tokens
from selfchal.builtin_trainers.plugin import Dpo, Rft
from selfchal.core.episode import End, Episode, Group
from selfchal.core.model import Message
from selfchal.core.task import Task
from selfchal.testing.gradient_watch import watch_gradient
from tests.builtin_models.tiny import CHATML, write_model
from tests.builtin_trainers.test_pairs import training

pytestmark = pytest.mark.torch

END = 2  # <|im_end|>
TALK = (("system", "Rules."), ("user", "Find it"), ("assistant", "Action: find(1)"), ("user", "Observation: 4"),
        ("assistant", "Answer: 4"))  # fmt: skip


def episode(
    task: str = "task0", reward: float = 1.0, cut: Sequence[int] = (), last: str = "Answer: 4"
) -> Episode:
    messages = [Message(*turn) for turn in TALK[:-1]] + [Message("assistant", last)]
    return Episode(task, 0, messages, end=End.ANSWER, reward=reward, steps=2, cut_turns=list(cut))


@pytest.fixture(scope="module", params=[CHATML, None], ids=["template", "plain text"])
def policy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    directory = write_model(tmp_path_factory.mktemp("policy"), "wide", request.param, scale=1.0)
    return TransformersModel(TransformersConfig(path=str(directory)))


def read_own(model: TransformersModel, given: Episode) -> list[str]:
    """What the mask covers, run by run."""
    runs: list[list[int]] = []
    for index, (token, own) in enumerate(zip(given.ids, given.mask, strict=True)):
        if own and not given.mask[index - 1]:
            runs.append([])
        if own:
            runs[-1].append(token)
    return [model._loaded.renderer.decode(run) for run in runs]


def test_every_turn_is_learnt_with_its_end(policy: TransformersModel) -> None:
    own = in_own_tokens(policy, episode())
    end = "\n\nUser:" if policy._loaded.renderer.plain_text else "<|im_end|>"
    assert read_own(policy, own) == [f"Action: find(1){end}", f"Answer: 4{end}"]


def test_the_conversation_is_the_one_that_the_policy_would_have_had(policy: TransformersModel) -> None:
    own = in_own_tokens(policy, episode())
    renderer = policy._loaded.renderer
    whole = renderer.prompt(episode().messages[:2]) + renderer.encode("Action: find(1)")
    assert own.ids[: len(whole)] == whole
    assert renderer.decode(own.ids).count("Observation: 4") == 1
    if not renderer.plain_text:
        assert own.ids.count(END) == 5


def test_a_turn_that_was_cut_has_no_end_to_learn(policy: TransformersModel) -> None:
    own = in_own_tokens(policy, episode(cut=[1]))
    assert read_own(policy, own)[1] == "Answer: 4"
    assert read_own(policy, own)[0] != "Action: find(1)"


@pytest.mark.parametrize("trainer", [Rft, Dpo])
def test_the_end_of_every_turn_has_gradient_and_nothing_that_others_wrote(
    trainer: Any, tmp_path: Path
) -> None:
    model = TransformersModel(TransformersConfig(path=str(write_model(tmp_path, "wide", scale=1.0))))
    good, bad = episode(), episode(reward=0.0, last="Answer: 5")
    expected = [in_own_tokens(model, one) for one in (good, bad)]

    def collect(tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        return [Group(t.id, (replace(good, task=t.id), replace(bad, task=t.id))) for t in tasks]

    options = {"steps": 1, "group_size": 2, "batch_size": 1, "validation_samples": 0}
    given = replace(training(model, model), collect=collect, off_policy=True)
    with watch_gradient(model.network, expected) as watch:
        trainer(trainer.Config(**options)).train(given)
    assert watch.leaks == []
    used = expected[:1] if trainer is Rft else expected
    assert watch.own == sum(sum(one.mask) for one in used)
    assert all(one.ids[-1] == END and one.mask[-1] == 1 for one in expected)
