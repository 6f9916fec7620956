"""An exam of self-made tasks: set apart before anything is trained, and called self-made wherever it is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest

from selfchal.api.reading import open_run
from selfchal.cli.export import export_tasks
from selfchal.core.errors import ManifestError
from selfchal.core.hookspecs import hookimpl
from selfchal.core.sandbox import Sandbox
from selfchal.core.task import TestTask
from selfchal.core.watcher import RunInfo
from selfchal.core.world import Json
from selfchal.pipeline.exam import NOTE, draw_seed
from selfchal.pipeline.loop import run
from selfchal.pipeline.measure import measure_model
from selfchal.pipeline.store import Store
from selfchal.pipeline.test_sets import EXAM_ROUND, EXAM_STATUS
from selfchal.pipeline.watch import Watchers
from selfchal.report import write_report
from tests.pipeline.learner import Counter, Own, facts, manifest_of

pytestmark = pytest.mark.torch  # the trainer of these runs saves its state with it


class Untested(Counter):
    """Nobody wrote held-out tasks for it."""

    name: ClassVar[str] = "untested"

    def test_tasks(self, split: str) -> list[TestTask]:
        return []


@pytest.fixture(autouse=True)
def _untested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Own.own, "untested", Untested)


def run_untested(
    directory: Path, sandbox: Sandbox, watchers: Watchers | None = None, **changes: Any
) -> dict[str, Json]:
    settings = {"environment": {"name": "untested"}, "evaluation": {"samples": 2, "exam": 2}} | changes
    manifest = manifest_of(sandbox, **settings)
    with Store.resume(directory, manifest.resolved()) as store:
        results = run(manifest, store, watchers or Watchers())
    write_report(directory)
    return results


def test_an_environment_without_held_out_tasks_is_measured_on_tasks_that_nobody_trains_on(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    results = run_untested(tmp_path, process_sandbox)
    assert "before" not in results
    assert results["held_out_tasks"] == 0
    exam = results["exam"]
    assert exam["tasks"] == 2
    assert exam["note"] == NOTE
    assert exam["do_nothing"] == 0.0
    change = exam["after"]["pass@1"] - exam["before"]["pass@1"]
    assert exam["difference"]["mean"] == pytest.approx(change)
    assert {"mean", "low", "high", "warning"} <= set(exam["difference"])
    with Store.read(tmp_path) as store:
        apart = {task.id for task, _ in store.tasks(EXAM_ROUND)}
        trained = {task.id for task, status in store.tasks() if status != EXAM_STATUS}
        played = {e.task for e in store.episodes("train")}
        measured = {e.task for e in store.episodes("evaluate")}
        texts = {task.instruction for task, status in store.tasks() if status == EXAM_STATUS}
        later = [p for p in store.proposals(1) if p.task and p.task.instruction in texts]
    assert len(apart) == 2
    assert trained
    assert played <= trained
    assert not apart & trained
    assert measured == apart
    assert not any(p.verdict.passed for p in later), "a task that repeats one of the exam is never trained on"


def test_results_table_and_report_call_it_self_made(tmp_path: Path, process_sandbox: Sandbox) -> None:
    run_untested(tmp_path, process_sandbox)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "tasks of a self-made exam" in page
    assert NOTE in page
    assert "0 held-out tasks" not in page


def test_its_tasks_are_not_exported_with_those_to_train_on(tmp_path: Path, process_sandbox: Sandbox) -> None:
    run_untested(tmp_path / "run", process_sandbox)
    view = open_run(tmp_path / "run")
    kept, apart = tmp_path / "kept.jsonl", tmp_path / "exam.jsonl"
    export_tasks(view, "jsonl", kept)
    assert export_tasks(view, "exam", apart) == 2
    ids = [{json.loads(line)["id"] for line in path.read_text().splitlines()} for path in (kept, apart)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_its_tasks_are_judged_by_every_check_whatever_the_synthesizer_asks_for(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    """Every third proposal of this challenger has a solution that does not pass its own evaluate."""
    lax = {"name": "code_as_task", "revisions": 0, "filters": "none"}
    run_untested(tmp_path, process_sandbox, synthesizer=lax, evaluation={"samples": 1, "exam": 3})
    with Store.read(tmp_path) as store:
        stages = {str(p.verdict.stage) for p in store.proposals(EXAM_ROUND) if not p.verdict.passed}
        rounds = [p.verdict.passed for p in store.proposals(1)]
    assert "solution passed" in stages
    assert all(rounds), "the round is judged as laxly as it was asked to be"


def test_a_resumed_run_has_the_same_exam_and_does_not_make_it_again(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    run_untested(tmp_path, process_sandbox)
    first = facts(tmp_path)
    run_untested(tmp_path, process_sandbox)
    assert facts(tmp_path) == first


def test_held_out_tasks_and_an_exam_are_measured_side_by_side(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    results = run_untested(tmp_path, process_sandbox, environment={"name": "counter"})
    assert results["held_out_tasks"] == 4
    assert results["before"]["intervals"]
    assert results["exam"]["before"]["intervals"]
    assert set(results["by_family"]) == {""}
    assert set(results["exam"]["by_family"]) == {"self-made"}


class Notes:
    """Remembers what a run says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @hookimpl
    def note(self, run: RunInfo, text: str) -> None:
        self.said.append(text)


def test_a_run_that_measures_nothing_says_so_and_makes_its_tasks(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    watchers, notes = Watchers(), Notes()
    watchers.add(notes, "notes")
    results = run_untested(tmp_path, process_sandbox, watchers, evaluation={"samples": 2}, trainer=None)
    assert [text for text in notes.said if text.startswith("nothing will be measured: untested has no held")]
    assert "before" not in results
    assert "exam" not in results
    assert results["funnel"]["kept"] > 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Nothing was measured: there are no held-out tasks and no exam." in page


def test_measuring_with_nothing_is_one_sentence(tmp_path: Path, process_sandbox: Sandbox) -> None:
    manifest = manifest_of(process_sandbox, environment={"name": "untested"})
    with (
        Store.create(tmp_path, manifest.resolved()) as store,
        pytest.raises(
            ManifestError, match="untested has no held-out tasks in that split, so there is nothing"
        ),
    ):
        measure_model(manifest, store, Watchers())


def test_an_exam_without_a_challenger_is_refused(process_sandbox: Sandbox, tmp_path: Path) -> None:
    source = tmp_path / "tasks.jsonl"
    source.write_text("{}\n")
    rows = {"synthesizer": None, "challenge": None, "tasks": {"from": str(source)}}
    with pytest.raises(ManifestError, match=r"evaluation\.exam: nothing is proposed where tasks are given"):
        manifest_of(process_sandbox, evaluation={"exam": 3}, **rows)


class Members:
    """The part of an environment that draws contexts: one of so many members."""

    def __init__(self, members: int) -> None:
        self.members = members

    def exploration_context(self, seed: int) -> Mapping[str, Json]:
        return {"member": Random(seed).randrange(self.members)}


def test_contexts_of_the_exam_and_of_training_are_different_ones() -> None:
    environment: Any = Members(40)
    exam, training = (
        {
            environment.exploration_context(draw_seed(environment, seed, for_exam=side))["member"]
            for seed in range(400)
        }
        for side in (True, False)
    )
    assert not exam & training
    assert exam | training == set(range(40))
    assert len(training) > len(exam) > 3


def test_where_there_is_one_context_alone_it_is_shared() -> None:
    environment: Any = Members(1)
    assert draw_seed(environment, 7, for_exam=True) == draw_seed(environment, 7, for_exam=False) == 7
