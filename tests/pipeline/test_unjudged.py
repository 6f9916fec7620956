"""Episodes that could not be judged are said, bounded, and played again when a run is resumed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfchal.core.sandbox import Execution, Limits, Sandbox, Session, Status
from selfchal.core.world import ToolHost
from selfchal.pipeline.evaluation import Score
from selfchal.pipeline.loop import run
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.store import RESULTS, Store
from selfchal.pipeline.unjudged import describe_unjudged, has_too_many_unjudged
from selfchal.pipeline.watch import Watchers
from selfchal.report import write_report
from tests.pipeline.learner import manifest_of

CAUSE = "the sandbox cannot start a process: Too many open files"


class Failing:
    """A real sandbox whose first sessions fail as they do on a machine that is out of descriptors."""

    def __init__(self, sandbox: Sandbox, failures: int) -> None:
        self.name, self.guarantees, self.run = sandbox.name, sandbox.guarantees, sandbox.run
        self.sandbox, self.failures, self.sessions = sandbox, failures, 0

    def session(self, tools: ToolHost | None, limits: Limits) -> Session | _Gone:
        self.sessions += 1
        return _Gone() if self.sessions <= self.failures else self.sandbox.session(tools, limits)

    def close(self) -> None:
        pass


class _Gone:
    def run(self, source: str) -> Execution:
        return Execution(Status.INFRA_ERROR, error=CAUSE)

    def close(self) -> None:
        pass


def evaluation_of(sandbox: Any) -> Manifest:
    """Eight sampled and four greedy episodes of an untrained model; no task is written."""
    rows = {"challenge": {"tasks": 1, "proposals": 1}, "trainer": None}
    manifest = manifest_of(sandbox, **rows)
    evaluation = manifest.settings.evaluation.model_copy(update={"baselines": False})
    return replace(manifest, settings=manifest.settings.model_copy(update={"evaluation": evaluation}))


def episodes_of(directory: Path) -> list[Any]:
    with Store.read(directory) as store:
        return list(store.episodes("evaluate"))


def test_a_run_that_is_resumed_plays_again_what_could_not_be_judged_and_nothing_else(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    manifest = evaluation_of(process_sandbox)
    with Store.create(whole, manifest.resolved()) as store:
        run(manifest, store, Watchers())
    manifest = evaluation_of(Failing(process_sandbox, 6))
    with Store.create(broken, manifest.resolved()) as store:
        found = run(manifest, store, Watchers())
    assert found["before"]["could_not_judge"] == 6
    assert found["before"]["share_not_judged"] == 0.5
    assert found["before"]["commonest_cause"] == CAUSE
    assert has_too_many_unjudged(found)
    assert CAUSE in write_report(broken).read_text()
    judged = [episode for episode in episodes_of(broken) if episode.reward is not None]

    counting = Failing(process_sandbox, 0)
    manifest = evaluation_of(counting)
    with Store.resume(broken, manifest.resolved()) as store:
        found = run(manifest, store, Watchers())
    assert counting.sessions == 6
    assert not has_too_many_unjudged(found)
    assert json.loads((broken / RESULTS).read_text())["before"]["could_not_judge"] == 0
    again = episodes_of(broken)
    assert all(episode in again for episode in judged)
    assert [(e.task, e.sample, e.reward) for e in again] == [
        (e.task, e.sample, e.reward) for e in episodes_of(whole)
    ]


@pytest.mark.parametrize(
    ("unjudged", "episodes", "too_many"),
    [(0, 100, False), (4, 20, False), (5, 20, True), (5, 500, False), (6, 500, True)],
)
def test_too_many_are_at_least_five_and_more_than_one_in_a_hundred(
    unjudged: int, episodes: int, too_many: bool
) -> None:
    rows = {str(i): [None if i < unjudged else 1.0] for i in range(episodes)}
    found = describe_unjudged([Score(rows, {"memory": unjudged})])
    assert found["too_many_not_judged"] is too_many
    assert found["could_not_judge"] == unjudged
    assert has_too_many_unjudged({"before": found}) is too_many


def test_the_commonest_cause_is_that_of_all_scores_together() -> None:
    scores = [
        Score({"a": [None] * 3}, {"memory": 2, "descriptors": 1}),
        Score({"a": [None] * 2}, {"descriptors": 2}),
    ]
    assert describe_unjudged(scores)["commonest_cause"] == "descriptors"
