"""The attack suite, against every sandbox that makes promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from selfchal.core.sandbox import GUARANTEES, Execution, Guarantees, Level, Status
from selfchal.sandbox.channel_sandbox import cores
from selfchal.sandbox.sessions import ChannelSession
from selfchal.testing.attacks import run
from selfchal.testing.attacks.run import Result, all_attacks, run_attacks
from tests.sandbox.conftest import Sandboxes

ROOT = Path(__file__).parents[2]
# Needs only what an ordinary user can read: the system's Python, this checkout, and its dependencies.
_AS_A_USER = """
import sys
from selfchal.testing.attacks.run import run_attacks
from selfchal.sandbox.process.sandbox import ProcessConfig, ProcessSandbox
with ProcessSandbox(ProcessConfig(tier=sys.argv[1])) as sandbox:
    report = run_attacks(sandbox)
print(len(report.outcomes), [outcome for outcome in report.surprises])
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["process-A", "process-B", "docker", "monty"])
def test_no_attack_succeeds(sandboxes: Sandboxes, name: str) -> None:
    report = run_attacks(sandboxes.get(name))
    assert report.surprises == []
    if os.getloadavg()[0] < 2 * cores():  # the promise is for a machine that has nothing else to do
        assert report.seconds < 60
    stopped = {
        (outcome.kind, outcome.name) for outcome in report.outcomes if outcome.result is Result.STOPPED
    }
    others = {(attack.kind, attack.name) for attack in all_attacks()} - stopped
    if name == "process-B":
        assert others == {("reading", "the metadata of a file")}
    elif name == "monty":  # which promises no allow-list of system calls
        assert {kind for kind, _ in others} == {"network", "kernel"}
    else:
        assert others == set()


@pytest.mark.slow
@pytest.mark.parametrize("tier", ["A", "B"])
def test_no_attack_succeeds_for_an_ordinary_user(tier: str, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("the other tests run as an ordinary user already")
    python = _python_for_everybody()
    paths = os.pathsep.join([str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))])
    command = [
        "setpriv",
        "--reuid=1234",
        "--regid=1234",
        "--clear-groups",
        python,
        "-B",
        "-c",
        _AS_A_USER,
        tier,
    ]
    ended = subprocess.run(
        command, env={"PYTHONPATH": paths}, capture_output=True, text=True, check=False, cwd="/"
    )
    if "Permission denied" in ended.stderr or "ModuleNotFoundError" in ended.stderr:
        pytest.skip(f"an ordinary user cannot read this installation: {ended.stderr[-200:]}")
    assert (ended.returncode, ended.stdout.strip()) == (0, f"{len(all_attacks())} []"), ended.stderr


def _python_for_everybody() -> str:
    """An interpreter of this version that other users can run (not one below /root)."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (f"/usr/bin/{version}", f"/usr/local/bin/{version}", os.path.realpath(sys.executable)):
        if os.path.exists(python) and not python.startswith("/root"):
            return python
    pytest.skip(f"no {version} that an ordinary user can run")


def test_the_suite_is_large_and_its_names_are_unique() -> None:
    attacks = all_attacks()
    assert len(attacks) >= 290
    assert len({(attack.kind, attack.name) for attack in attacks}) == len(attacks)
    for attack in attacks:
        for source in filter(None, (attack.source, attack.first)):
            compile(source, attack.name, "exec")  # an attack with a slip in it would always be "stopped"


@pytest.mark.slow
def test_the_suite_notices_what_gets_through(sandboxes: Sandboxes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A subprocess without walls that claims to be a sandbox: reading, writing and the network get through."""
    kinds = {"reading", "writing", "network", "processes", "kernel", "paths", "page tables"}
    _keep_kinds(monkeypatch, *kinds)
    liar = _Liar(sandboxes.get("unsafe-subprocess"))
    assert {outcome.kind for outcome in run_attacks(liar).surprises} == kinds


@pytest.mark.slow
def test_the_suite_notices_failures_of_the_sandbox_that_code_forged(
    sandboxes: Sandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sandbox that takes every silent end for its own failure, and lets sessions run on."""
    _keep_kinds(monkeypatch, "infrastructure", "sessions")
    report = run_attacks(_Gullible(sandboxes.get("process-B")))
    found = {outcome.name for outcome in report.surprises}
    assert {"closing its channel, then the end", "exit code 9", "an answer before it is asked"} <= found


@pytest.mark.slow
def test_the_suite_notices_a_host_that_grows(sandboxes: Sandboxes, monkeypatch: pytest.MonkeyPatch) -> None:
    _keep_kinds(monkeypatch, "costs")
    report = run_attacks(_Hoarder(sandboxes.get("process-B")))
    assert {outcome.kind for outcome in report.surprises} == {"costs"}
    assert "the host grew by" in report.surprises[0].did


@pytest.mark.slow
def test_a_sandbox_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_PATIENCE_SECONDS", 0.5)
    _keep_kinds(monkeypatch, "loops", "reading")
    before = time.monotonic()
    report = run_attacks(_Deaf())
    assert time.monotonic() - before < 30
    assert {outcome.result for outcome in report.outcomes} == {Result.SURPRISE}
    told = [outcome.did for outcome in report.outcomes]
    assert told.count("the sandbox did not end it") < 8
    assert sum(did.startswith("not tried: the sandbox had not ended") for did in told) > len(told) - 8


def test_a_sandbox_that_raises_is_a_surprise(monkeypatch: pytest.MonkeyPatch) -> None:
    _keep_kinds(monkeypatch, "forging")
    report = run_attacks(_Raising())
    assert {outcome.did for outcome in report.outcomes} == {"the sandbox raised OSError: broken"}


def _keep_kinds(monkeypatch: pytest.MonkeyPatch, *kinds: str) -> None:
    kept = [attack for attack in all_attacks() if attack.kind in kinds]
    monkeypatch.setattr(run, "all_attacks", lambda: kept)


def test_what_is_not_promised_is_not_tried(sandboxes: Sandboxes) -> None:
    report = run_attacks(_Silent(sandboxes.get("unsafe-subprocess")))
    assert {outcome.result for outcome in report.outcomes} == {Result.NOT_PROMISED}


class _Liar:
    """Claims every guarantee. Its attacks change nothing outside the suite's own traps."""

    level = Level.FULL

    def __init__(self, inner: object) -> None:
        self._inner = inner

    @property
    def guarantees(self) -> object:
        return replace(self._inner.guarantees, levels=dict.fromkeys(GUARANTEES, self.level))  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


class _Silent(_Liar):
    level = Level.NONE


class _Gullible(_Liar):
    """Calls every crash a failure of its own, and asks each session's next question before the code is done."""

    def run(self, *arguments: object) -> object:
        execution = self._inner.run(*arguments)  # type: ignore[attr-defined]
        forged = execution.status is Status.CRASH
        return replace(execution, status=Status.INFRA_ERROR) if forged else execution

    def session(self, *arguments: object) -> object:
        return _TrustingSession(self._inner.session(*arguments))  # type: ignore[attr-defined]


class _TrustingSession:
    """Takes what lies ready in the channel for the answer to the next run."""

    def __init__(self, inner: ChannelSession) -> None:
        self._inner = inner

    def run(self, source: str) -> Execution:
        if self._inner._channel is not None and not self._inner._channel.quiet():
            message = json.loads(self._inner._channel.receive(time.monotonic() + 1, 10**6))
            return Execution(Status(message[1]), message[2])
        return self._inner.run(source)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._inner.close()


class _Hoarder(_Liar):
    """Keeps 200 MB of every run."""

    def run(self, *arguments: object) -> object:
        self._kept = bytearray(b"x") * (200 * 2**20)
        return self._inner.run(*arguments)  # type: ignore[attr-defined]


class _Deaf:
    name = "deaf"
    guarantees = Guarantees("deaf", "none", dict.fromkeys(GUARANTEES, Level.FULL))

    def run(self, *_: object) -> Execution:
        threading.Event().wait()
        raise AssertionError("nothing ever happens")

    session = run


class _Raising(_Deaf):
    def run(self, *_: object) -> Execution:
        raise OSError("broken")
