"""What workers print on other machines, brought into the run's directory, within bounds."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from selfchal.plain_text import make_plain

MOST_AT_ONCE = 2**16  # bytes that one reply brings; the rest comes with the next ones
MOST_KEPT = 2**20  # characters of one worker in the run's directory
OUTPUTS = (1, 2)
_OF_RAY = re.compile(rb":(job_id|actor_name|task_name):")  # lines by which Ray finds its way in its files
_UNSAFE_IN_NAME = re.compile(r"[^\w.-]")


class Output:
    """In a worker: what its process prints from now on. Ray sends that to files of the node, where
    `ray logs` still finds all of it."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._lock = threading.Lock()
        self._files: list[BinaryIO] = []
        one_file = os.path.sameopenfile(*OUTPUTS)
        for number in OUTPUTS[:1] if one_file else OUTPUTS:
            with contextlib.suppress(OSError):  # a system without /proc
                self._files.append(_open_file(number))
        if one_file:
            os.dup2(*OUTPUTS)  # where a pipe was, there is a file now

    def read_new(self) -> str:
        """What was printed since the last call, in whole lines, and no more than one reply may bring."""
        with self._lock:
            return "".join(_read_lines(file) for file in self._files)


def _open_file(number: int) -> BinaryIO:
    """The file that this output goes to, at its end; a pipe is turned into a file that has no name."""
    if not stat.S_ISREG(os.fstat(number).st_mode):
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), number)
    opened = open(f"/proc/self/fd/{number}", "rb")  # noqa: SIM115 — read for as long as the process lives
    opened.seek(0, os.SEEK_END)
    return opened


def _read_lines(file: BinaryIO) -> str:
    """A line without its end waits for it, unless it is longer than a reply."""
    began = file.tell()
    data = file.read(MOST_AT_ONCE)
    whole = data.rfind(b"\n") + 1 or (len(data) if len(data) == MOST_AT_ONCE else 0)
    file.seek(began + whole)
    lines = [line for line in data[:whole].splitlines(keepends=True) if not _OF_RAY.match(line)]
    return b"".join(lines).decode("utf-8", "replace")


@dataclass
class WorkerLogs:
    """In the run: a file for each worker, NODE-PID.log."""

    directory: Path
    _kept: dict[str, int] = field(default_factory=dict)  # by file: characters
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, node: str, pid: int, text: str) -> None:
        """Write it down; what goes beyond the bound stays on the node."""
        name = f"{_UNSAFE_IN_NAME.sub('_', node)}-{pid}.log"
        with self._lock:
            kept = self._kept.get(name, 0)
            if not text or kept >= MOST_KEPT:
                return
            text = make_plain(text)
            if kept + len(text) > MOST_KEPT:
                text = f"{text[: MOST_KEPT - kept]}\n(the rest is on the node: ray logs)\n"
            self.directory.mkdir(parents=True, exist_ok=True)
            with (self.directory / name).open("a", encoding="utf-8") as file:
                file.write(text)
            self._kept[name] = kept + len(text)
