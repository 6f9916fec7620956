"""``selfchal sandbox exec``: the JSON that other programs read; ``check``: what it tells, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from selfchal.testing.attacks import run as attacks_run
from selfchal.testing.attacks.run import all_attacks


def _exec(selfchal: Any, tmp_path: Path, source: str, *options: str) -> Any:
    file = tmp_path / "program.py"
    file.write_text(source)
    return selfchal("sandbox", "exec", "process", file, "--json", *options)


@pytest.mark.parametrize(
    ("source", "status", "value"),
    [
        ("print('hi')\nRESULT = {'a': [1, None]}", "ok", {"a": [1, None]}),
        ("x = 1", "ok", None),
        ("RESULT = 1 / 0", "exception", None),
        ("while True: pass", "timeout", None),
    ],
)
def test_statuses(selfchal: Any, tmp_path: Path, source: str, status: str, value: object) -> None:
    ended = _exec(selfchal, tmp_path, source, "--timeout", "1")
    assert set(ended.json) == {"status", "value", "stdout", "error", "seconds"}
    assert (ended.json["status"], ended.json["value"]) == (status, value)
    assert ended.code == (0 if status == "ok" else 1)


def test_what_was_printed_and_the_traceback(selfchal: Any, tmp_path: Path) -> None:
    ended = _exec(selfchal, tmp_path, "print('hi')\nnames['x']")
    assert ended.json["stdout"] == "hi\n"
    assert "NameError" in ended.json["error"]


def test_for_people(selfchal: Any, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text("print('hi')\nRESULT = 3")
    ended = selfchal("sandbox", "exec", "process", file)
    assert ended.out == "hi\n"
    assert "[ok in " in ended.err
    assert "RESULT = 3" in ended.err


def test_options_of_the_sandbox_are_checked(selfchal: Any, tmp_path: Path) -> None:
    ended = _exec(selfchal, tmp_path, "", "--set", "no_such_option=1")
    assert ended.code == 2
    assert "no_such_option: no such key" in ended.err


def test_a_check_tells_of_each_kind_while_it_goes_on(selfchal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFCHAL_ALLOW_UNSAFE", "1")
    few = [attack for attack in all_attacks() if attack.kind == "network" or attack.name == "sleep"]
    monkeypatch.setattr(attacks_run, "all_attacks", lambda: few)
    ended = selfchal("sandbox", "check", "unsafe-subprocess", "--set", "allow=true", "--json")
    report = ended.json  # stdout holds nothing else
    assert ended.code == 0
    assert [outcome["kind"] for outcome in report["outcomes"]] == ["loops", *["network"] * 18]
    assert ended.err.splitlines()[-2:] == ["loops: 1 stopped", "network: 18 not promised"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_check_that_is_ended_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "selfchal", "sandbox", "check", "process"]
    check = subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        # A shell starts its background jobs, these tests perhaps, with Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert check.stderr is not None
    assert b"stopped" in check.stderr.readline()  # the first kind is through
    assert list(tmp_path.glob("selfchal-attacks-*"))
    family = [*_descendants(check.pid)]
    assert len(family) > 2  # the trap and the sandbox's own
    check.send_signal(number)
    expected = {signal.SIGINT: 130, signal.SIGKILL: -9}.get(number, 128 + number)
    assert check.wait(30) == expected
    check.stderr.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and (list(tmp_path.iterdir()) or any(map(_is_alive, family))):
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []
    assert [pid for pid in family if _is_alive(pid)] == []


def _descendants(pid: int) -> Iterator[int]:
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from _descendants(int(child))


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
