"""The memory limit holds for what no limit of the kernel counts: page tables, and pages that nobody maps."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from selfchal.core.sandbox import Limits, Program, Sandbox, Status
from selfchal.sandbox.channel_sandbox import ChannelSandbox
from selfchal.sandbox.runner.page_tables import most_page_tables, pid_of, read_page_tables
from tests.patience import SOON

MB = 2**20
LIMITS = Limits(seconds=10.0, memory=64 * MB)
_MAP = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
def take(address, size, flags):
    found = libc.mmap(address, size, 3, flags, -1, 0)
    if found in (None, 2**64 - 1):
        raise MemoryError(ctypes.get_errno())
    ctypes.memset(found, 1, size)
    return found
"""
# One page in each GiB, in each 2 MiB, and the same without saying where: a page is left of each larger piece.
_TABLES = {
    "a page in each GiB": "for number in range(1, 60_000):\n    take(number << 30, 4096, 0x32)",
    "a page in each 2 MiB": "for number in range(512, 60_000):\n    take(number << 21, 4096, 0x32)",
    "what is left of larger pieces": (
        "size = 2**21\nwhile True:\n    size += 4096\n    found = libc.mmap(None, size, 3, 0x22, -1, 0)\n"
        "    ctypes.memset(found, 1, 1)\n    libc.munmap(found + 4096, size - 4096)"
    ),
}
_SHARED = """
for _ in range(20):
    found = take(None, 30 * 2**20, 0x21)
    libc.munmap(found + 4096, 30 * 2**20 - 4096)
"""


@pytest.fixture(params=["process-A", "process-B", "process-C"])
def walled(request: pytest.FixtureRequest, sandboxes: object) -> ChannelSandbox:
    return sandboxes.get(request.param)  # type: ignore[attr-defined,no-any-return]  # tests/sandbox/conftest.py


@pytest.mark.parametrize("name", _TABLES)
def test_page_tables_count(walled: ChannelSandbox, name: str) -> None:
    with _peak_of_children() as peaks:
        execution = walled.run(Program(_MAP + _TABLES[name]), None, LIMITS)
    assert execution.status is Status.MEMORY, execution
    assert "tables" in (execution.error or "")
    assert execution.seconds < SOON
    if peaks:  # it may have been too quick to be seen
        assert max(peaks) < 100 * MB


def test_page_tables_count_in_a_session_whose_tools_are_called_all_the_while(walled: ChannelSandbox) -> None:
    class Quick:
        tool_names = ("quick",)

        def call(self, *_: object) -> object:
            from selfchal.core.world import ToolResult

            return ToolResult(None)

    source = _MAP + "for number in range(1, 60_000):\n    take(number << 30, 4096, 0x32)\n    quick()"
    with walled.session(Quick(), Limits(seconds=20.0, memory=64 * MB, calls=10**6)) as session:  # type: ignore[arg-type]  # Any
        assert session.run("x = 1").ok
        assert session.run(source).status is Status.MEMORY
        assert session.run("print(2)").stdout == "2\n"


def test_pages_that_nobody_maps_cannot_be_left_behind(walled: ChannelSandbox) -> None:
    """Shared memory lives as long as one page of it is mapped, so none can be had."""
    before = _used_shared_memory()
    execution = walled.run(Program(_MAP + _SHARED + "\nimport time\ntime.sleep(0.3)"), None, LIMITS)
    assert not execution.ok
    assert "MemoryError" in (execution.error or "")
    assert _used_shared_memory() - before < 100 * MB


def test_sound_code_may_use_its_memory_as_it_likes(process: Sandbox) -> None:
    """All of it at once, in many pieces, with holes, again and again."""
    source = (
        "blocks = [bytearray(2**20) for _ in range(44)]\n"
        "del blocks\n"
        "numbers = list(range(500_000))\n"
        "words = {str(number): number for number in range(100_000)}\n"
        "del numbers, words\n"
        "for _ in range(20):\n"
        "    pieces = [bytearray(300_000) for _ in range(120)]\n"
        "    del pieces[::2]\n"
        "import json, re, decimal, statistics, datetime, collections\n"
        "result = 1"
    )
    execution = process.run(Program(source), None, LIMITS)
    assert (execution.status, execution.value) == (Status.OK, 1), execution.error


def test_the_tables_of_a_child_can_be_seen(walled: ChannelSandbox) -> None:
    child = walled._take(0)
    try:
        pid = pid_of(child._pidfd)  # type: ignore[attr-defined]  # of a process's child
        assert 0 < (read_page_tables(pid) or 0) < most_page_tables(0)
    finally:
        child.close()  # type: ignore[attr-defined]  # as above
    assert read_page_tables(2**22 + 1) is None
    assert pid_of(2**20) == 0


_HOST = """
import os, sys
from selfchal.core.sandbox import Limits, Program
from selfchal.sandbox.process.sandbox import ProcessConfig, ProcessSandbox
with open(sys.argv[1] + "/cgroup.procs", "w") as file:
    file.write(str(os.getpid()))
with ProcessSandbox(ProcessConfig()) as sandbox:
    source = "held = []\\nwhile len(held) < 400:\\n    held.append(b'x' * 2**20)"
    execution = sandbox.run(Program(source), None, Limits(seconds=20.0))
    print(execution.status, "|", execution.error)
"""


@pytest.mark.slow
def test_code_that_uses_up_the_memory_of_the_machine_is_no_failure_of_the_sandbox() -> None:
    """A group of processes with less memory than the limit allows: the kernel kills whoever takes it."""
    with _small_group(250 * MB) as group:
        ended = subprocess.run(
            [sys.executable, "-c", _HOST, group], capture_output=True, text=True, timeout=120, check=False
        )
    assert ended.stdout.startswith("memory |"), (ended.stdout, ended.stderr)
    assert "the machine ran out of memory" in ended.stdout


@contextmanager
def _small_group(memory: int) -> Iterator[str]:
    path = Path("/sys/fs/cgroup/memory") / f"selfchal-test-{os.getpid()}"
    try:
        path.mkdir()
        (path / "memory.limit_in_bytes").write_text(str(memory))
    except OSError as error:
        pytest.skip(f"no group of processes with a memory limit can be made here: {error}")
    try:
        yield str(path)
    finally:
        for _ in range(100):
            with suppress(OSError):  # its last process is ending
                path.rmdir()
            if not path.exists():
                break
            time.sleep(0.05)


@contextmanager
def _peak_of_children() -> Iterator[list[int]]:
    """Bytes that the largest process of this machine's sandboxes held, tables included, sampled meanwhile."""
    peaks: list[int] = []
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.002):
            peaks.extend(map(_measure_memory, _list_children_of_zygotes()))

    thread = threading.Thread(target=sample)
    thread.start()
    yield peaks
    done.set()
    thread.join()


def _list_children_of_zygotes() -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                command = Path(f"/proc/{name}/cmdline").read_bytes()
            except OSError:
                continue
            if b"marshal.load" in command:
                found.append(int(name))
    return found


def _measure_memory(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = dict(line.split(":", 1) for line in text.splitlines())
    return sum(int(lines[name].split()[0]) * 1024 for name in ("VmRSS", "VmPTE") if name in lines)


def _used_shared_memory() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("Shmem:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no Shmem in /proc/meminfo")
