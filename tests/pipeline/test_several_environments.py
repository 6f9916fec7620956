"""One model in several environments: proposals dealt by shares, tasks of one id kept apart, scores by environment."""

from __future__ import annotations

import json
from collections import Counter as Count
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.browsing.runs import describe_run, summarise_run
from selfchal.core.errors import ManifestError, StoreError
from selfchal.core.sandbox import Sandbox
from selfchal.core.task import TestTask
from selfchal.core.world import World
from selfchal.pipeline.challenge import deal
from selfchal.pipeline.context import SECRET
from selfchal.pipeline.loop import run
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.manifest.stored import choose_environment_section
from selfchal.pipeline.measure import Policy, measure_policy
from selfchal.pipeline.store import Store
from selfchal.pipeline.watch import Watchers
from selfchal.report.gather import gather
from selfchal.report.page import render
from tests.pipeline.learner import Counter, Own, facts, manifest_of
from tests.pipeline.test_loop import InterruptedRunError, Stopper, watched_by


class Kiosk(Counter):
    """Held-out tasks under the ids of the other environment's, and in a family of one's own."""

    name: ClassVar[str] = "kiosk"

    def splits(self) -> Sequence[str]:
        return ("open", "other")

    def test_tasks(self, split: str) -> list[TestTask]:
        tasks = super().test_tasks(split)
        return [TestTask(t.id, f"Kiosk. {t.instruction}", {}, t.truth, split) for t in tasks[:2]]

    def grade(self, task: TestTask, world: World, answer: str | None, replies: Sequence[str]) -> bool:
        assert (task.id in ("t0", "t1"), task.family) == (True, "other"), "as the environment named it"
        return bool(answer == task.truth["answer"])


class Misnamed(Kiosk):
    name: ClassVar[str] = "somebody else"


@pytest.fixture(autouse=True)
def both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Own, "own", {**Own.own, "kiosk": Kiosk, "misnamed": Misnamed})


def joint(sandbox: Sandbox, **changes: Any) -> Manifest:
    sections = [{"name": "counter"}, {"name": "kiosk", "share": 2, "split": "other"}]
    return manifest_of(sandbox, **{"environment": None, "environments": sections, **changes})


def play(manifest: Manifest, directory: Path) -> dict[str, Any]:
    with Store.create(directory, manifest.resolved()) as store:
        store.put_fact(SECRET, "the same for all")
        return run(manifest, store, Watchers())


@pytest.mark.torch
def test_one_model_learns_in_both_and_is_measured_in_each(tmp_path: Path, process_sandbox: Sandbox) -> None:
    results = play(joint(process_sandbox), tmp_path / "run")
    with Store.read(tmp_path / "run") as store:
        proposals = list(store.proposals())
        dealt = Count(proposal.environment for proposal in proposals)
        assert dealt == {"counter": 4, "kiosk": 8}, "by shares"
        assert all(p.task is None or p.task.environment == p.environment for p in proposals)
        trained = {episode.environment for episode in store.episodes("train")}
        played = {(e.environment, e.task) for e in store.episodes("evaluate")}
    assert trained <= {"counter", "kiosk"}
    assert played == {("counter", f"counter/t{i}") for i in range(4)} | {
        ("kiosk", f"kiosk/t{i}") for i in range(2)
    }
    assert results["held_out_tasks"] == 6
    apart = results["by_environment"]
    assert {name: part["tasks"] for name, part in apart.items()} == {"counter": 4, "kiosk": 2}
    assert {name: part["before"]["mean"] for name, part in apart.items()} == {"counter": 0.5, "kiosk": 0.5}
    assert {name: part["after"]["mean"] for name, part in apart.items()} == {"counter": 1.0, "kiosk": 1.0}
    assert apart["kiosk"]["difference"]["mean"] == 0.5
    assert set(results["by_family"]) == {"counter/", "kiosk/other"}
    assert set(results["coverage"]) == {"counter", "kiosk"}
    assert set(results["opened"]) == {"counter/test", "kiosk/other"}
    assert results["do_nothing"] == 0.0
    page = render(gather(tmp_path / "run"))
    assert "learner on counter, kiosk" in page
    assert "By environment, pass@1" in page
    assert describe_run(summarise_run(tmp_path / "run"))["environment"] == "counter, kiosk"


@pytest.mark.torch
@pytest.mark.parametrize("after", [3, 9, 20])
def test_stopped_and_gone_on_with_it_ends_the_same(
    after: int, tmp_path: Path, process_sandbox: Sandbox
) -> None:
    manifest = joint(process_sandbox)
    play(manifest, tmp_path / "whole")
    with Store.create(tmp_path / "again", manifest.resolved()) as store:
        store.put_fact(SECRET, "the same for all")
        with pytest.raises(InterruptedRunError):
            run(manifest, store, watched_by(Stopper(after)))
    with Store.resume(tmp_path / "again", manifest.resolved()) as store:
        run(manifest, store, Watchers())
    assert facts(tmp_path / "again") == facts(tmp_path / "whole")


@pytest.mark.torch
def test_given_tasks_say_which_environment_they_are_for(tmp_path: Path, process_sandbox: Sandbox) -> None:
    task = {
        "instruction": "How many orders does user ann have?",
        "evaluate": "def evaluate(answer):\n    return answer == 2",
        "solution": "result = len(get_user('ann')['orders'])",
        "failures": ["result = 7", "result = 9", "result = -1"],
    }
    rows = [{**task, "environment": "kiosk"}, task, {**task, "environment": "shop"}]
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = {"from": str(tmp_path / "tasks.jsonl")}
    play(joint(process_sandbox, tasks=source, trainer=None, curriculum=None), tmp_path / "run")
    with Store.read(tmp_path / "run") as store:
        first, second, third = store.proposals(0)
    assert (first.verdict.passed, first.environment) == (True, "kiosk"), first.verdict
    works_in = "and this run works in 'counter', 'kiosk'"
    assert second.verdict.reason == f"the task names no environment, {works_in}"
    assert third.verdict.reason == f"the task is for environment 'shop', {works_in}"


def test_one_that_goes_by_another_name_is_refused(tmp_path: Path, process_sandbox: Sandbox) -> None:
    manifest = joint(process_sandbox, environments=[{"name": "counter"}, {"name": "misnamed"}])
    with pytest.raises(ManifestError, match="environment 'misnamed' calls itself 'somebody else'"):
        play(manifest, tmp_path / "run")


def test_an_oracle_plays_in_one_at_a_time(process_sandbox: Sandbox) -> None:
    with pytest.raises(ManifestError, match=r"several environments \(counter, kiosk\); name one"):
        measure_policy(joint(process_sandbox), Policy.ORACLE, Watchers())


def test_what_is_stored_names_both_with_their_options(process_sandbox: Sandbox) -> None:
    stored = joint(process_sandbox).resolved()
    assert stored["environments"] == [
        {"name": "counter", "share": 1.0, "split": None},
        {"name": "kiosk", "share": 2.0, "split": "other"},
    ]
    assert choose_environment_section(stored, "kiosk") == {"name": "kiosk"}
    with pytest.raises(StoreError, match="several environments; choose one: --environment counter or kiosk"):
        choose_environment_section(stored)
    with pytest.raises(StoreError, match="no environment 'desk'; choose one"):
        choose_environment_section(stored, "desk")


def test_a_list_of_one_keeps_its_split(process_sandbox: Sandbox) -> None:
    manifest = manifest_of(
        process_sandbox, environment=None, environments=[{"name": "kiosk", "split": "other"}]
    )
    assert manifest.resolved()["environments"] == [{"name": "kiosk", "share": 1.0, "split": "other"}]
    found = measure_policy(manifest, Policy.ORACLE, Watchers())
    assert (found["split"], found["pass@1"]) == ("other", 1.0)


SHARES = st.dictionaries(st.sampled_from("abc"), st.floats(0.1, 9), min_size=1)


@given(SHARES, st.integers(1, 40), st.integers(1, 4))
def test_proposals_are_dealt_by_shares(shares: dict[str, float], groups: int, alike: int) -> None:
    dealt: list[str] = []
    for _ in range(3):  # in batches as at once
        dealt += deal(groups * alike, alike, shares, Count(dealt))
    together = deal(3 * groups * alike, alike, shares, {})
    assert dealt == together
    for start in range(0, len(dealt), alike):
        assert len(set(dealt[start : start + alike])) == 1, "of one seed, in one environment"
    for name, share in shares.items():
        fair = 3 * groups * share / sum(shares.values())
        assert abs(dealt.count(name) / alike - fair) <= len(shares)
