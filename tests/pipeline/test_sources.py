"""Runs on tasks that are there already, and runs that train nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from selfchal.core.errors import StoreError
from selfchal.core.hookspecs import hookimpl
from selfchal.core.model import Capability
from selfchal.core.sandbox import Sandbox
from selfchal.pipeline.loop import run
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.store import Store
from selfchal.pipeline.watch import Watchers
from selfchal.report import write_report
from tests.pipeline.learner import Counter, Learner, Own, facts, manifest_of
from tests.support.shop import COUNT


def question(number: int) -> dict[str, Any]:
    """A sound task about Bob, worded as no held-out task is."""
    task = replace(
        COUNT,
        id=f"own{number}",
        environment="",
        context={"user_id": "bob", "number": number},
        instruction=f"The customer bob wants to know a number, for reason {number}: count the orders of bob.",
        evaluate="def evaluate(answer):\n    return answer == 1\n",
        solution='result = len(get_user("bob")["orders"])',
        failures=("result = 2", "result = 3", 'result = len(get_user("ann")["orders"])'),
    )
    return task.to_json()


def write_tasks(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


HELD_OUT = Counter().test_tasks("test")[0].instruction
ROWS = [
    question(0),
    {**question(1), "solution": "result = 2"},
    "no JSON",
    {**question(2), "environment": "retail"},
    {**question(3), "instruction": HELD_OUT},
    question(4),
]


def start(manifest: Manifest, directory: Path, watchers: Watchers | None = None) -> dict[str, Any]:
    with Store.resume(directory, manifest.resolved()) as store:
        return run(manifest, store, watchers or Watchers())


@pytest.mark.torch
def test_tasks_of_a_file_are_judged_and_trained_on(tmp_path: Path, process_sandbox: Sandbox) -> None:
    source = write_tasks(tmp_path / "tasks.jsonl", ROWS)
    manifest = manifest_of(process_sandbox, synthesizer=None, challenge=None, tasks={"from": str(source)})
    results = start(manifest, tmp_path / "run")
    with Store.read(tmp_path / "run") as store:
        proposals = list(store.proposals())
        kept = store.tasks(1)
        trained = {(episode.task, episode.environment) for episode in store.episodes("train")}
        assert list(store.episodes("challenge")) == []
    assert [proposal.verdict.passed for proposal in proposals] == [True, False, False, False, False, True]
    reasons = [proposal.verdict.reason for proposal in proposals]
    assert reasons[1] == "the solution does not pass evaluate"
    assert "the line is no JSON" in reasons[2]
    assert reasons[3] == "the task is for environment 'retail', and this run works in 'counter'"
    assert reasons[4].startswith("too near the held-out task t0")
    assert [(task.id, task.environment, status) for task, status in kept] == [
        ("own0", "counter", "train"),
        ("own4", "counter", "train"),
    ]
    assert kept[0][0].provenance == {"source": str(source), "row": 0}
    assert trained == {("own0", "counter"), ("own4", "counter")}
    assert (results["before"]["pass@1"], results["after"]["pass@1"]) == (0.5, 1.0)
    assert (results["funnel"]["proposed"], results["funnel"]["kept"]) == (6, 2)
    assert results["per_kept_task"] is None, "nothing was proposed, so nothing was spent on it"


@pytest.mark.torch
def test_the_kept_tasks_of_a_run_are_a_source_and_join_those_that_are_proposed(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    source = write_tasks(tmp_path / "tasks.jsonl", ROWS)
    first = manifest_of(
        process_sandbox, synthesizer=None, challenge=None, trainer=None, tasks={"from": str(source)}
    )
    start(first, tmp_path / "first")
    both = manifest_of(process_sandbox, tasks={"from": str(tmp_path / "first")})
    results = start(both, tmp_path / "both")
    with Store.read(tmp_path / "both") as store:
        kept = {task.id for task, _ in store.tasks(1)}
        rounds = [proposal.round for proposal in store.proposals()]
    assert {"own0", "own4"} < kept
    assert rounds == [0] * 2 + [1] * 12
    assert results["funnel"]["proposed"] == 14
    assert results["per_kept_task"]["tokens"] > 0


@pytest.mark.torch
def test_stopped_while_it_judges_it_goes_on_and_ends_alike(
    tmp_path: Path, process_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfchal.pipeline.sources.BATCH", 2)
    source = write_tasks(tmp_path / "tasks.jsonl", ROWS)
    manifest = manifest_of(process_sandbox, synthesizer=None, challenge=None, tasks={"from": str(source)})
    start(manifest, tmp_path / "whole")

    class StoppedError(BaseException):
        pass

    class Stopper:
        @hookimpl
        def stage_progressed(self, stage: str, done: int) -> None:
            if (stage, done) == ("judge tasks", 4):
                raise StoppedError

    watchers = Watchers()
    watchers.add(Stopper(), "this test")
    with pytest.raises(StoppedError):
        start(manifest, tmp_path / "cut", watchers)
    write_tasks(source, [*ROWS, question(9)])
    with pytest.raises(StoreError, match=r"tasks\.jsonl has changed since this run began to judge its tasks"):
        start(manifest, tmp_path / "cut")
    write_tasks(source, ROWS)
    start(manifest, tmp_path / "cut")
    assert facts(tmp_path / "cut") == facts(tmp_path / "whole")
    source.unlink()
    with Store.resume(tmp_path / "cut", manifest.resolved()) as store:
        assert run(manifest, store, Watchers())["funnel"]["kept"] == 2, (
            "what was judged needs no file any more"
        )


class Reader(Learner):
    """A model that can be asked and not trained, as one behind an endpoint."""

    name: ClassVar[str] = "reader"

    @classmethod
    def provides(cls, config: BaseModel) -> frozenset[Capability]:
        return frozenset({Capability.TEXT})


def test_without_a_trainer_tasks_are_made_and_judged_and_the_model_is_measured(
    tmp_path: Path, process_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Own.own, "reader", Reader)
    manifest = manifest_of(process_sandbox, model={"name": "reader"}, trainer=None)
    results = start(manifest, tmp_path)
    assert results["before"]["pass@1"] == 0.5
    assert {"after", "difference", "greedy_difference"}.isdisjoint(results)
    assert results["by_family"] == {"": {"tasks": 4, "before": 0.5}}
    assert 0 < results["funnel"]["kept"] < results["funnel"]["proposed"] == 12
    with Store.read(tmp_path) as store:
        assert list(store.episodes("train")) == []
        assert {status for _, status in store.tasks()} == {"train"}
    assert not (tmp_path / "checkpoints").exists()
    assert json.loads((tmp_path / "results.json").read_text()) == results
    page = write_report(tmp_path).read_text()
    assert "nothing trained" in page
    assert "pass@1 after" not in page
    assert start(manifest, tmp_path)["before"] == results["before"], "resumed, it does nothing twice"
