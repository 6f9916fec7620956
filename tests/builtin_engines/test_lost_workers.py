"""A run whose workers are killed again and again comes to what it comes to when nobody disturbs it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import selfchal
from selfchal.core.errors import EngineError
from selfchal.pipeline.context import SECRET
from selfchal.pipeline.store import Store

MANIFEST: dict[str, Any] = {
    "environment": {"name": "calculation"},
    "model": {"name": "seedling"},
    "synthesizer": {"name": "code_as_task", "revisions": 0},
    "challenge": {"tasks": 8, "proposals": 24},
    "rollout": {"batch": 24, "max_tokens": 48, "challenge_tokens": 200, "max_steps": 5},
    "evaluation": {"samples": 1, "tasks": 12, "baselines": False},
    "trainer": {"name": "grpo", "steps": 2, "tasks_per_step": 4, "group_size": 4, "learning_rate": 4e-4},
}
EVERY, MOST = 3.0, 4  # seconds between two kills, and how many there are


def read_run(directory: Path) -> dict[str, list[Any]]:
    """What the run stored, without times."""
    with Store.read(directory) as store:
        proposals = [(p.raw, p.verdict.outcome, p.verdict.reason, p.task) for p in store.proposals()]
        episodes = {
            purpose: [
                (key, e.task, e.sample, e.ids, e.logprobs, e.answer, e.reward, e.end, e.tool_calls)
                for key in store.keys(purpose)
                for e in store.episodes(purpose, key)
            ]
            for purpose in ("challenge", "train", "evaluate")
        }
    return {"proposals": proposals, **episodes}


def list_workers() -> list[int]:
    """The worker processes that this process has started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command, state = entry.read_text(), (entry.parent / "stat").read_text()
        except OSError:
            continue
        if "serve_worker" in command and state.rsplit(")", 1)[1].split()[1] == str(os.getpid()):
            found.append(int(entry.parent.name))
    return found


@contextmanager
def killing_workers() -> Iterator[list[int]]:
    """One of them every now and then; the numbers of those that were killed."""
    over, killed = threading.Event(), list[int]()

    def kill() -> None:
        while len(killed) < MOST and not over.wait(EVERY):
            for worker in list_workers()[:1]:
                os.kill(worker, signal.SIGKILL)
                killed.append(worker)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


@pytest.mark.torch
@pytest.mark.slow
def test_killed_workers_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "selfchal.pipeline.context._keep_secret", lambda store: store.put_fact(SECRET, "s") or "s"
    )
    selfchal.run({**MANIFEST, "engine": {"name": "local", "processes": 1}}, tmp_path / "here")
    with killing_workers() as killed:
        selfchal.run({**MANIFEST, "engine": {"name": "local", "processes": 2}}, tmp_path / "there")
    assert len(killed) >= 2
    here, there = read_run(tmp_path / "here"), read_run(tmp_path / "there")
    assert {name: len(rows) for name, rows in there.items()} == {
        name: len(rows) for name, rows in here.items()
    }
    assert there == here
    assert list_workers() == []


@pytest.mark.torch
@pytest.mark.slow
def test_a_run_goes_on_with_another_engine(tmp_path: Path) -> None:
    small = {**MANIFEST, "trainer": None, "challenge": {"tasks": 2, "proposals": 4}}
    before = selfchal.run(small, tmp_path / "run")
    after = selfchal.run(
        {**small, "engine": {"name": "local", "processes": 2}}, tmp_path / "run", resume=True
    )
    assert after["before"] == before["before"]


def test_plugins_that_cannot_go_elsewhere_are_named(tmp_path: Path) -> None:
    """An environment whose options hold what does not pickle."""
    from selfchal.builtin_engines.worker_process import WorkerProcess

    class Spec:
        def open(self, ask: object) -> None:
            raise AssertionError("it never gets there")

    with pytest.raises(EngineError, match=r"cannot be made in another process.*engine.processes to 1"):
        WorkerProcess(Spec())  # type: ignore[arg-type]  # whatever it gives, it does not pickle
