"""The loop's mechanics with a scripted model: what is stored, resumed and reported. Learning is tested elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest

from selfchal.core.hookspecs import hookimpl
from selfchal.core.sandbox import Sandbox
from selfchal.pipeline.context import SECRET
from selfchal.pipeline.loop import run
from selfchal.pipeline.manifest import Choice, Manifest
from selfchal.pipeline.measure import Policy, measure_policy
from selfchal.pipeline.store import Store
from selfchal.pipeline.watch import Watchers
from tests.pipeline.learner import Counter, Empty, Learner, facts, manifest_of


class InterruptedRunError(BaseException):
    """As Ctrl-C does, it stops a run wherever it is: no watcher's mistake, so it is not swallowed as one."""


class Stopper:
    """Stops the run at the n-th thing that it is told."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.told = 0

    def _tick(self) -> None:
        self.told += 1
        self.left -= 1
        if self.left == 0:
            raise InterruptedRunError

    @hookimpl
    def stage_started(self) -> None:
        self._tick()

    @hookimpl
    def stage_progressed(self) -> None:
        self._tick()

    @hookimpl
    def update_finished(self) -> None:
        self._tick()


def watched_by(watcher: object) -> Watchers:
    watchers = Watchers()
    watchers.add(watcher, "this test")
    return watchers


@pytest.mark.slow
@pytest.mark.torch
def test_stopped_at_any_moment_it_ends_with_the_same_store(tmp_path: Path, process_sandbox: Sandbox) -> None:
    manifest = manifest_of(process_sandbox)
    whole = Stopper(10**6)
    with Store.create(tmp_path / "whole", manifest.resolved()) as store:
        store.put_fact(SECRET, "the same for all")
        results = run(manifest, store, watched_by(whole))
    assert results["before"]["pass@1"] == 0.5
    assert results["after"]["pass@1"] == 1.0
    assert 0 < results["funnel"]["kept"] < results["funnel"]["proposed"] == 12
    assert json.loads((tmp_path / "whole" / "results.json").read_text()) == results
    for after in range(1, whole.told, 3):
        directory = tmp_path / str(after)
        with Store.create(directory, manifest.resolved()) as store:
            store.put_fact(SECRET, "the same for all")
            with pytest.raises(InterruptedRunError):
                run(manifest, store, watched_by(Stopper(after)))
        with Store.resume(directory, manifest.resolved()) as store:
            run(manifest, store, Watchers())
        assert facts(directory) == facts(tmp_path / "whole"), f"stopped at {after}"


@pytest.mark.torch
def test_a_finished_run_that_is_resumed_does_nothing_twice(tmp_path: Path, process_sandbox: Sandbox) -> None:
    manifest = manifest_of(process_sandbox)
    with Store.create(tmp_path, manifest.resolved()) as store:
        first = run(manifest, store, Watchers())
        secret = store.fact(SECRET)
    before = facts(tmp_path)
    with Store.resume(tmp_path, manifest.resolved()) as store:
        again = run(manifest, store, Watchers())
        assert store.fact(SECRET) == secret
    assert facts(tmp_path) == before
    assert again["after"] == first["after"]


@pytest.mark.torch
def test_no_prompt_of_a_run_holds_a_held_out_task_except_when_it_is_evaluated(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    manifest = manifest_of(process_sandbox)
    with Store.create(tmp_path, manifest.resolved()) as store:
        run(manifest, store, Watchers())
        seen = [
            m.content
            for purpose in ("challenge", "train")
            for e in store.episodes(purpose)
            for m in e.messages
        ]
    held_out = [task.instruction for task in Counter().test_tasks("test")]
    assert seen
    assert not [text for text in seen if any(instruction in text for instruction in held_out)]


class Mute(Learner):
    """Proposes nothing that is a task."""

    name: ClassVar[str] = "mute"

    def _speak(self, text: str) -> str:
        return "Answer: I have no idea"


def test_when_nothing_is_kept_the_run_ends_and_says_so(tmp_path: Path, process_sandbox: Sandbox) -> None:
    notes: list[str] = []

    class Noting:
        @hookimpl
        def note(self, text: str) -> None:
            notes.append(text)

    manifest = manifest_of(process_sandbox)
    manifest = Manifest(**{**vars(manifest), "model": Choice("mute", Mute, Empty())})
    with Store.create(tmp_path, manifest.resolved()) as store:
        results = run(manifest, store, watched_by(Noting()))
    assert results["funnel"]["kept"] == 0
    assert any("nothing to train on" in note for note in notes)
    assert results["difference"]["mean"] == 0.0


@pytest.mark.parametrize(("policy", "rate"), [(Policy.ORACLE, 1.0), (Policy.NOTHING, 0.0)])
def test_policies_are_measured_without_a_model(process_sandbox: Sandbox, policy: Policy, rate: float) -> None:
    measured = measure_policy(manifest_of(process_sandbox), policy, Watchers())
    assert measured["pass@1"] == rate
    assert measured["tasks"] == 4
