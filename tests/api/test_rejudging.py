"""Stored tasks judged again: nothing changes by itself, and a changed tool or check is named."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import selfchal
from selfchal import open_run, using_environment
from selfchal.api.rejudging import Change, find_changes, judge_again
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.pipeline.context import SECRET
from selfchal.pipeline.made_with import MADE_WITH, describe_making, list_changes
from selfchal.pipeline.store import Store
from tests.support.runs import sound_tasks

PASSED = Verdict(Outcome.PASSED, Stage.COMPLETE)
FELL = Verdict(Outcome.FAILED, Stage.SOLUTION_PASSED, "evaluate returned False")


def write_run(directory: Path, judged: list[tuple[Task, Verdict]], **sections: Any) -> Path:
    manifest = {
        "run": {"name": "demo"},
        "environment": {"name": "retail"},
        "model": {"name": "seedling"},
        **sections,
    }
    with Store.create(directory, manifest) as store:
        store.put_fact(SECRET, "s")
        store.put_tasks(1, [(task, "train") for task, verdict in judged if verdict.passed])
        proposals = [Proposal(index, 1, verdict, task) for index, (task, verdict) in enumerate(judged)]
        store.put_proposals(1, "1/0", proposals, [])
    return directory


def break_verifier(task: Task) -> Task:
    return replace(task, id="broken", evaluate="def evaluate():\n    return False")


def test_verdicts_that_still_hold_are_as_before(tmp_path: Path) -> None:
    one, other = sound_tasks("retail", 2)
    alike = Verdict(Outcome.FAILED, Stage.NEW, "a near-duplicate", check="novelty")
    run = write_run(tmp_path / "run", [(one, PASSED), (other, alike), (break_verifier(one), FELL)])
    assert [judged.change for judged in judge_again(run)] == [Change.NONE] * 3


def test_what_falls_and_what_holds_now_is_told_with_the_check(tmp_path: Path) -> None:
    one, other = sound_tasks("retail", 2)
    vague = replace(one, id="vague", instruction="Please call it off.")
    weak = Verdict(Outcome.FAILED, Stage.STRONG, "weak", check="strength")
    run = write_run(
        tmp_path / "run",
        [(break_verifier(one), PASSED), (other, weak), (vague, PASSED), (replace(one, id="x"), FELL)],
    )
    changes = {judged.task.id: judged for judged in judge_again(run)}
    assert {name: judged.change for name, judged in changes.items()} == {
        "broken": Change.FELL,
        other.id: Change.ROSE,
        "vague": Change.FELL,
        "x": Change.ROSE,
    }
    assert changes["broken"].now.stage == Stage.SOLUTION_PASSED
    assert changes["vague"].now.check == "completeness"
    off = [{"name": "completeness", "enabled": False}]
    again = {judged.task.id: judged.change for judged in judge_again(run, checks=off)}
    assert again["vague"] is Change.NONE


def test_other_data_changes_the_verdict(tmp_path: Path) -> None:
    """The same task in a world where its order is not there: the profile's tools are others, too."""
    (task,) = sound_tasks("retail", 1)
    moved = replace(task, id="moved", solution=task.solution.replace("#W9481091", "#W0000000"))
    run = write_run(tmp_path / "run", [(task, PASSED), (moved, PASSED)])
    first, second = judge_again(run)
    assert (first.change, second.change) == (Change.NONE, Change.FELL)


def test_a_run_of_the_papers_filter_is_judged_by_it_again(tmp_path: Path) -> None:
    (task,) = sound_tasks("retail", 1)
    vague = replace(task, id="vague", instruction="Please call it off.")
    filters = {"name": "code_as_task", "filters": "paper"}
    run = write_run(tmp_path / "run", [(vague, PASSED)], synthesizer=filters)
    assert [judged.change for judged in judge_again(run)] == [Change.NONE]


def test_what_has_changed_since_the_run_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [(sound_tasks("retail", 1)[0], PASSED)])
    assert find_changes(run) == []  # it did not note what it was made with
    with using_environment("retail") as environment:
        made = describe_making({"retail": environment}, ["strength", "novelty"])
    for change, said in (
        ({}, []),
        ({"checks": ["strength"]}, ["check novelty is new"]),
        ({"selfchal": "0.0.9"}, [f"selfchal was 0.0.9 and is {selfchal.__version__}"]),
    ):
        assert list(list_changes({**made, **change}, made)) == said
    older = copy.deepcopy(made)
    older["environments"]["retail"] |= {"world": "x", "policy": "y"}
    older["environments"]["retail"]["tools"] |= {"calculate": "z", "gone": "z"}
    del older["environments"]["retail"]["tools"]["think"]
    assert list(list_changes(older, made)) == [
        "retail: tool calculate is described otherwise",
        "retail: tool gone is gone",
        "retail: tool think is new",
        "retail: the data of its world are others",
        "retail: its policy is another one",
    ]


def test_a_run_notes_what_its_tasks_are_made_with(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [(sound_tasks("retail", 1)[0], PASSED)])
    with using_environment("retail") as environment, Store.resume(run, open_run(run).manifest()) as store:
        store.put_fact(MADE_WITH, describe_making({"retail": environment}, ["novelty"]))
    found = find_changes(run)
    assert "check strength is new" in found
    assert not any(said.startswith("retail") for said in found)
    off = [{"name": "strength", "enabled": False}]
    assert "check strength is new" not in find_changes(run, checks=off)
