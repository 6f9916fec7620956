"""The models beside the policy: who plays simulated users, and who rates episodes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from selfchal.core.errors import ManifestError
from selfchal.core.model import Message
from selfchal.core.sandbox import Sandbox
from selfchal.pipeline.loop import run
from selfchal.pipeline.manifest import validate
from selfchal.pipeline.manifest.conflicts import list_conflicts
from selfchal.pipeline.measure import Policy, measure_policy
from selfchal.pipeline.store import Store
from selfchal.pipeline.watch import Watchers
from selfchal.plugins import load_plugins
from tests.pipeline.learner import Counter, Learner, Own, manifest_of

WISH = "I am a person, and I ask: orders of ann?"


class Visited(Counter):
    """The counter, where a model plays the person who asks."""

    name: ClassVar[str] = "visited"

    @classmethod
    def asks_model(cls, config: BaseModel) -> bool:
        return True

    def user(self, instruction, context, chat):  # type: ignore[no-untyped-def]
        class Visitor:
            def open(self) -> str:
                said: str = chat([Message("system", "Play a visitor."), Message("user", instruction)])
                return said

            def reply(self, said: str) -> None:
                return None

        return Visitor()


class Actor(Learner):
    """Plays visitors; as a judge it says yes to all."""

    name: ClassVar[str] = "actor"

    def _speak(self, text: str) -> str:
        return "yes, it was done" if "You judge whether" in text else WISH


class Doubter(Learner):
    """A policy that writes instructions and would rate everything with no."""

    name: ClassVar[str] = "doubter"

    def _speak(self, text: str) -> str:
        if "You judge whether" in text:
            return "no"
        if "<instruction>" in text:
            return "Answer:\n<instruction>How many orders are there? Count them.</instruction>\nEnd Answer"
        return super()._speak(text)


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    for plugin in (Visited, Actor, Doubter, Changing):
        monkeypatch.setitem(Own.own, plugin.name, plugin)


def openings(directory: Path, purpose: str) -> set[str]:
    with Store.read(directory) as store:
        return {episode.messages[1].content for episode in store.episodes(purpose)}


def start(sandbox: Sandbox, directory: Path, **changes: Any) -> None:
    manifest = manifest_of(sandbox, **changes)
    with Store.create(directory, manifest.resolved()) as store:
        run(manifest, store, Watchers())


@pytest.mark.parametrize(
    ("user", "opening"),
    [({"name": "actor"}, {WISH}), (None, {"Action:\nprint(get_user('ann'))\nEnd Action"})],
)
def test_simulated_users_are_played_by_the_model_of_user_else_by_the_policys_first_weights(
    tmp_path: Path, process_sandbox: Sandbox, user: Any, opening: set[str]
) -> None:
    visited = {"name": "visited"}
    start(process_sandbox, tmp_path, environment=visited, user=user, trainer=None, challenge={"tasks": 1})
    assert openings(tmp_path, "evaluate") == opening


class Changing(Actor):
    """A policy that plays another visitor once it is trained."""

    name: ClassVar[str] = "changing"

    def _speak(self, text: str) -> str:
        return f"{WISH} {self.updates}" if "Play a visitor" in text else Learner._speak(self, text)


@pytest.mark.torch
def test_the_user_stays_the_same_while_the_policy_that_plays_it_is_trained(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    start(
        process_sandbox, tmp_path, environment={"name": "visited"}, model={"name": "changing"},
        challenge={"tasks": 4, "proposals": 12},
    )  # fmt: skip
    assert openings(tmp_path, "evaluate") == {f"{WISH} 0"}
    assert openings(tmp_path, "train") == {f"{WISH} 0"}
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["models"] == {"user": "changing, the weights that the run begins with"}


@pytest.mark.torch
def test_evaluations_may_have_a_user_of_their_own(tmp_path: Path, process_sandbox: Sandbox) -> None:
    start(
        process_sandbox, tmp_path, environment={"name": "visited"}, model={"name": "changing"},
        evaluation_user={"name": "actor"}, challenge={"tasks": 4, "proposals": 12},
    )  # fmt: skip
    assert openings(tmp_path, "evaluate") == {WISH}
    assert openings(tmp_path, "train") == {f"{WISH} 0"}


SCRIPTED = {"name": "retail"}


@pytest.mark.parametrize(
    ("sections", "wrong"),
    [
        ({"environment": SCRIPTED, "user": {"name": "seedling"}}, "user: no model plays the users"),
        (
            {"environment": SCRIPTED, "evaluation_user": {"name": "seedling"}},
            "evaluation_user: no model plays",
        ),
        ({"environment": SCRIPTED, "judge": {"name": "seedling"}}, "judge: no model rates anything"),
        (
            {
                "environment": {"name": "retail", "user": "react"},
                "model": {"name": "vllm", "path": "some/model", "servers": ["http://127.0.0.1:8000"]},
                "trainer": {"name": "grpo"},
            },
            "user: model 'vllm' with these options is trained in place",
        ),
    ],
)
def test_a_model_that_nobody_would_ask_or_that_cannot_be_had_is_refused(
    sections: dict[str, Any], wrong: str
) -> None:
    rows = {"model": {"name": "transformers", "path": "some/model"}, "synthesizer": {"name": "code_as_task"}}
    with pytest.raises(ManifestError, match=re.escape(wrong)):
        validate(rows | sections, load_plugins())


@pytest.mark.torch
@pytest.mark.parametrize(
    "sections",
    [
        {"environment": {"name": "retail", "user": "react"}, "user": {"name": "openai", "base_url": "http://127.0.0.1:1/v1", "model": "m"}},
        {"environment": SCRIPTED, "synthesizer": {"name": "pae"}, "judge": {"name": "transformers", "path": "x/y"}},
        {"environment": SCRIPTED, "checks": [{"name": "completeness", "reader": True}], "judge": {"name": "transformers", "path": "x/y"}},
    ],
)  # fmt: skip
def test_a_model_that_is_asked_is_taken(sections: dict[str, Any]) -> None:
    rows = {"model": {"name": "transformers", "path": "some/model"}, "synthesizer": {"name": "code_as_task"}}
    manifest = validate(rows | sections, load_plugins(), trains=False)
    assert list(list_conflicts(manifest)) == []


def test_the_oracle_meets_the_users_that_the_manifest_names(process_sandbox: Sandbox) -> None:
    manifest = manifest_of(process_sandbox, environment={"name": "visited"}, user={"name": "actor"})
    assert measure_policy(manifest, Policy.ORACLE, Watchers())["tasks"] == 4


@pytest.mark.torch
@pytest.mark.parametrize(("judge", "reward"), [({"name": "actor"}, 1.0), (None, 0.0)])
def test_tasks_without_evaluate_are_rated_by_the_model_of_judge_else_by_the_policy(
    tmp_path: Path, process_sandbox: Sandbox, judge: Any, reward: float
) -> None:
    start(
        process_sandbox,
        tmp_path,
        model={"name": "doubter"},
        judge=judge,
        synthesizer={"name": "pae"},
        challenge={"tasks": 1, "proposals": 4},
    )
    with Store.read(tmp_path) as store:
        rated = [(episode.reward, episode.reason) for episode in store.episodes("train")]
    assert rated
    assert set(rated) == {(reward, "rated by the model")}
