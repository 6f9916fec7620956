"""The attack suite, against every sandbox that makes promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from selfchal.core.sandbox import Level
from selfchal.sandbox.channel_sandbox import cores
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
    stopped = [outcome for outcome in report.outcomes if outcome.result is Result.STOPPED]
    assert len(stopped) >= len(all_attacks()) - 1  # tier B shows the metadata of files, and says so


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
    assert len(attacks) >= 90
    assert len({(attack.kind, attack.name) for attack in attacks}) == len(attacks)
    for attack in attacks:
        for source in filter(None, (attack.source, attack.first)):
            compile(source, attack.name, "exec")  # an attack with a slip in it would always be "stopped"


@pytest.mark.slow
def test_the_suite_notices_what_gets_through(sandboxes: Sandboxes) -> None:
    """A subprocess without walls that claims to be a sandbox: reading, writing and the network get through."""
    liar = _Liar(sandboxes.get("unsafe-subprocess"))
    kinds = {outcome.kind for outcome in run_attacks(liar).surprises}
    assert {"reading", "writing", "network", "processes", "kernel"} <= kinds


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
        from dataclasses import replace

        from selfchal.core.sandbox import GUARANTEES

        return replace(self._inner.guarantees, levels=dict.fromkeys(GUARANTEES, self.level))  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


class _Silent(_Liar):
    level = Level.NONE
