"""A host that has no descriptors left: whatever fails says so, and nothing else is blamed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_PROGRAM = """
import json, os, resource, sys
from selfchal.core.errors import SandboxUnavailableError
from selfchal.core.sandbox import Limits, Program
from selfchal.sandbox.process.sandbox import ProcessConfig, ProcessSandbox

def outcome(sandbox):
    execution = sandbox.run(Program("result = 1"), None, Limits(seconds=20.0))
    return [str(execution.status), execution.error or ""]

kept, told = int(sys.argv[1]), []
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_NOFILE, (kept, kept))
    try:
        with ProcessSandbox(ProcessConfig()) as sandbox:
            told = [outcome(sandbox) for _ in range(3)]
            sessions = [sandbox.session(None, Limits(seconds=20.0)) for _ in range(kept // 4 + 2)]
            told += [[str(end.status), end.error or ""] for end in (one.run("x = 1") for one in sessions)]
            for session in sessions:
                session.close()
            told.append(outcome(sandbox))
    except SandboxUnavailableError as error:
        told = [["unavailable", str(error)]]
else:
    with ProcessSandbox(ProcessConfig()) as sandbox:
        told.append(outcome(sandbox))
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
        held = []
        try:
            while True:
                held.append(os.dup(0))
        except OSError:
            pass
        for fd in held[len(held) - kept:]:
            os.close(fd)
        told += [outcome(sandbox) for _ in range(12)]
        for fd in held[:len(held) - kept]:
            os.close(fd)
        told.append(outcome(sandbox))
print(json.dumps(told))
"""


def _run(*arguments: str) -> list[tuple[str, str]]:
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return [(status, error) for status, error in json.loads(ended.stdout)]


def _names_the_limit(error: str) -> bool:
    """What ran out, how much of it this process may have, and what to do."""
    return "EMFILE" in error and "this process may open" in error and "raise that ('ulimit -n 4096')" in error


@pytest.mark.parametrize("left", range(6))
def test_a_host_whose_descriptors_run_out_says_so(left: int) -> None:
    """With none left, with too few for a new child, with just enough for one; a child that ends leaves some."""
    first, *others, last = _run(str(left))
    assert first == last == ("ok", "")
    for status, error in others:
        assert status == "ok" or (status == "infra_error" and _names_the_limit(error)), (status, error)


@pytest.mark.parametrize("limit", [14, 24, 32, 48, 64])
def test_a_host_with_very_few_descriptors_works_or_says_so(limit: int) -> None:
    """Each session holds four, so that not all of them can be had."""
    outcomes = _run(str(limit), "few")
    for status, error in outcomes:
        assert status == "ok" or (status != "exception" and _names_the_limit(error)), (status, error)
    # Linux counts what all processes of this user are sending, so other tests may leave none to this one.
    taken = any("under way" in error for _, error in outcomes)
    if limit == 64 and not taken:
        assert outcomes[:3] == [("ok", "")] * 3
        assert "infra_error" in dict(outcomes[3:-1])
        assert outcomes[-1] == ("ok", "")
