"""What workers print: read from where it goes, whole lines at a time, and kept within bounds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from selfchal.builtin_engines import worker_logs
from selfchal.builtin_engines.worker_logs import WorkerLogs

PROGRAM = """
import os, sys
from selfchal.builtin_engines.worker_logs import Output
print("before", file=sys.stderr)
output = Output()
print("one", file=sys.stderr)
os.write(1, b"two\\n:actor_name:Somebody\\nhal")
first = output.read_new()
os.write(1, b"f\\n")
found = [first, output.read_new(), output.read_new()]
open(sys.argv[1], "w").write(repr(found))
"""


@pytest.mark.parametrize("goes_to", ["a file", "a pipe"])
def test_what_a_process_prints_is_read_once(goes_to: str, tmp_path: Path) -> None:
    found = tmp_path / "found"
    with (tmp_path / "printed").open("w") as file:
        out = file if goes_to == "a file" else subprocess.PIPE
        subprocess.run([sys.executable, "-c", PROGRAM, str(found)], stdout=out, stderr=out, check=True)
    first, second, third = eval(found.read_text())  # lists of text that this test wrote
    assert sorted(first.splitlines()) == ["one", "two"]
    assert (second, third) == ("half\n", "")


def test_a_file_a_worker_and_no_more_than_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_logs, "MOST_KEPT", 25)
    logs = WorkerLogs(tmp_path / "logs")
    logs.add("10.0.0.1", 7, "")
    assert not (tmp_path / "logs").exists()
    logs.add("10.0.0.1", 7, "a line\n")
    logs.add("../up", 8, "\x1b[31mred\x1b[0m\n")
    for _ in range(3):
        logs.add("10.0.0.1", 7, "another line\n")
    first, second = sorted((tmp_path / "logs").iterdir())
    assert (first.name, second.name) == (".._up-8.log", "10.0.0.1-7.log")
    assert first.read_text() == "red\n"
    assert second.read_text() == "a line\nanother line\nanoth\n(the rest is on the node: ray logs)\n"
