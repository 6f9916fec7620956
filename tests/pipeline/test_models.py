"""The models beside the policy: who plays simulated users, and who rates episodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from selfchal.core.model import Message
from selfchal.core.sandbox import Sandbox
from selfchal.pipeline.loop import run
from selfchal.pipeline.measure import Policy, measure_policy
from selfchal.pipeline.store import Store
from selfchal.pipeline.watch import Watchers
from tests.pipeline.learner import Counter, Learner, Own, manifest_of

WISH = "I am a person, and I ask: orders of ann?"


class Visited(Counter):
    """The counter, where a model plays the person who asks."""

    name: ClassVar[str] = "visited"

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
    for plugin in (Visited, Actor, Doubter):
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
def test_simulated_users_are_played_by_the_model_of_user_else_by_the_policy(
    tmp_path: Path, process_sandbox: Sandbox, user: Any, opening: set[str]
) -> None:
    visited = {"name": "visited"}
    start(process_sandbox, tmp_path, environment=visited, user=user, trainer=None, challenge={"tasks": 1})
    assert openings(tmp_path, "evaluate") == opening


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
