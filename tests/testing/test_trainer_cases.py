"""The trainers' kit passes the built-in trainers, and each of its cases fails for one that breaks its rule."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
from pydantic import BaseModel

from selfchal.builtin_trainers.plugin import Dpo, Grpo, Kto, Ppo, Rft, TrlGrpo
from selfchal.core.model import Capability
from selfchal.core.trainer import Trainer, Training
from selfchal.core.updating import updating
from selfchal.testing.conformance import Case, trainer_cases
from selfchal.testing.conformance.trainers import ALIKE

pytestmark = pytest.mark.torch

ON_POLICY = {"steps": 6, "tasks_per_step": 4, "group_size": 16, "checkpoint_every": 2, "learning_rate": 0.02}
OFFLINE = {"steps": 6, "group_size": 32, "checkpoint_every": 2, "batch_size": 4}
OPTIONS: dict[type[Any], dict[str, Any]] = {
    Grpo: ON_POLICY,
    Ppo: ON_POLICY,
    TrlGrpo: ON_POLICY,
    Rft: {**OFFLINE, "learning_rate": 5e-3},
    Dpo: {**OFFLINE, "learning_rate": 1e-3},
    Kto: {**OFFLINE, "learning_rate": 1e-3},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cls", "case"),
    [
        (cls, case)
        for cls, options in OPTIONS.items()
        for case in trainer_cases(cls, options)
        if cls is Rft or case.rule != ALIKE  # one will do: each other process imports torch anew
    ],
    ids=lambda value: str(value) if isinstance(value, Case) else value.name,
)
def test_the_built_in_trainers_pass(cls: type[Any], case: Case) -> None:
    case()


class Options(BaseModel, extra="forbid"):
    groups: int = 8


class Nudge:
    """A trainer of a few lines: it makes each token that earned a reward likelier, one task an update."""

    name: ClassVar[str] = "nudge"
    Config: ClassVar[type[BaseModel]] = Options
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.TOKEN_IDS, Capability.GRADIENTS})

    def __init__(self, config: Options) -> None:
        self.config = config

    def group_size(self) -> int:
        return 16

    def count_episodes(self, tasks: int) -> int:
        return self.config.groups * self.group_size()

    def one_pass(self, groups: int) -> Trainer:
        return type(self)(Options(groups=groups))

    def train(self, training: Training) -> None:
        latest = training.progress.latest()
        for step in range(latest[0] + 1 if latest else 1, self.config.groups + 1):
            task = training.tasks[(step - 1) % len(training.tasks)]
            seed = step + 1_000 * training.seed
            (group,) = training.collect([task], self.group_size(), seed=seed)
            worth = [(episode, episode.reward) for episode in group.episodes if episode.reward]
            if worth:
                with updating(training.model):
                    self._step(training.model.network, worth)
                training.model.on_weights_updated()
            training.progress.log(step, {"rewarded": len(worth)})
            training.progress.save(step, {"step": step})
            if training.progress.is_over():
                break

    def _step(self, network: Any, worth: list[Any]) -> None:
        ids = torch.tensor([episode.ids[:2] for episode, _ in worth])  # [episodes, 2] the first turn
        logprobs = network(input_ids=ids).logits[:, 0].log_softmax(-1)  # [episodes, VOCABULARY]
        loss = -logprobs.gather(1, ids[:, 1:]).mean()
        for weight, gradient in zip(
            network.parameters(), torch.autograd.grad(loss, list(network.parameters())), strict=True
        ):
            weight.data -= 0.1 * gradient


@pytest.mark.parametrize("case", trainer_cases(Nudge), ids=str)
def test_a_small_trainer_of_ones_own_passes(case: Case) -> None:
    case()


def _forgetful(self: Nudge, training: Training) -> None:
    """It begins at the first update again, with the weights of the last checkpoint."""
    training.progress.latest()
    Nudge.train(self, replace(training, progress=_Blind(training.progress)))


class _Blind:
    """A progress that finds no checkpoint."""

    def __init__(self, progress: Any) -> None:
        self.log, self.save, self.is_over = progress.log, progress.save, progress.is_over

    def latest(self) -> None:
        return None


class _Odd(_Blind):
    """A progress that puts what cannot be read back into each checkpoint."""

    def __init__(self, progress: Any) -> None:
        super().__init__(progress)
        self.latest = progress.latest
        self.save = lambda step, state: progress.save(step, {"rng": object()})


def _odd_state(self: Nudge, training: Training) -> None:
    Nudge.train(self, replace(training, progress=_Odd(training.progress)))


def _idle(self: Nudge, training: Training) -> None:
    training.progress.log(1, {"loss": 0.0})


def _random(self: Nudge, training: Training) -> None:
    Nudge.train(self, training)
    next(training.model.network.parameters()).data += torch.randn(()).item()


def _learn_the_prompt(self: Nudge, network: Any, worth: list[Any]) -> None:
    ids = torch.tensor([episode.ids[:2] for episode, _ in worth])
    network(input_ids=ids).logits.square().mean().backward()  # every position, the agent's or not
    Nudge._step(self, network, worth)


def _greedy(self: Nudge, groups: int) -> Trainer:
    return type(self)(Options(groups=2 * groups))


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "says what it needs and how many episodes it compares": (
        {"group_size": lambda self: 0},
        "1 is the least",
    ),
    "trains in place, and tells the model and the progress": ({"train": _idle}, "changed no weight"),
    "saves what can be read back": ({"train": _odd_state}, "state['rng'] is a builtins.object"),
    "trains alike with the same seed": ({"train": _random}, "the same seed gave other weights"),
    "stopped and resumed it ends in the same weights": ({"train": _forgetful}, "it went on with update 1"),
    "moves the agent's tokens alone": ({"_step": _learn_the_prompt}, "did not write carry gradient"),
    "rolls out no more than it says": (
        {"count_episodes": lambda self, tasks: tasks},
        "count_episodes(8) is 8, and it rolled out 128",
    ),
    "takes each group once in one pass": ({"one_pass": _greedy}, "one pass over 8 groups asked for 16"),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_each_broken_rule_is_found(rule: str) -> None:
    change, sentence = BROKEN[rule]
    broken = type("Broken", (Nudge,), change)
    (case,) = [case for case in trainer_cases(broken) if case.rule == rule]
    with pytest.raises(AssertionError, match=re.escape(sentence)):
        case()


def _invent_rewards(train: Callable[..., None]) -> Callable[..., None]:
    def learn(self: Nudge, training: Training) -> None:
        def collect(*wanted: Any, **seed: Any) -> Any:
            groups = training.collect(*wanted, **seed)
            for group in groups:
                for episode in group.episodes:
                    episode.reward = 1.0
            return groups

        train(self, replace(training, collect=collect))

    return learn


def test_a_trainer_that_learns_from_what_could_not_be_judged_is_found() -> None:
    broken = type("Broken", (Nudge,), {"train": _invent_rewards(Nudge.train)})
    (case,) = [case for case in trainer_cases(broken) if case.rule == "ends where nothing could be judged"]
    with pytest.raises(AssertionError, match="it learnt from episodes that could not be judged"):
        case()
