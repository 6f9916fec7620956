"""The process sandbox: tiers, requirements, survival, and what it leaves behind."""

from __future__ import annotations

import gc
import os
import resource
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from pathlib import Path
from typing import Literal

import pytest

from selfchal.core.errors import SandboxUnavailableError
from selfchal.core.sandbox import Level, Limits, Program, Sandbox, Status
from selfchal.sandbox import canaries
from selfchal.sandbox.process import guarantees as guarantees_of_tier
from selfchal.sandbox.process.sandbox import ProcessConfig, ProcessSandbox
from tests.patience import SOON
from tests.sandbox.counting import Counting

LIMITS = Limits(seconds=10.0)


@pytest.fixture
def own() -> ProcessSandbox:
    """A sandbox that a test may harm."""
    try:
        sandbox = ProcessSandbox(ProcessConfig())
    except SandboxUnavailableError as error:
        pytest.skip(str(error))
    return sandbox


def test_full_guarantees_can_be_required(process: Sandbox) -> None:
    if process.guarantees.tier != "A":
        pytest.skip(f"tier A cannot be had: {process.guarantees.notes}")
    ProcessSandbox(ProcessConfig(require=Level.FULL)).close()


def test_less_than_required_is_refused_by_name(own: ProcessSandbox) -> None:
    own.close()
    with pytest.raises(SandboxUnavailableError, match="file_reads") as refused:
        ProcessSandbox(ProcessConfig(tier="B", require=Level.FULL))
    assert "network" not in str(refused.value)


def test_another_system_is_told_what_it_can_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    with pytest.raises(SandboxUnavailableError, match=r"Darwin.*'docker'.*'monty'.*SELFCHAL_ALLOW_UNSAFE"):
        ProcessSandbox(ProcessConfig())


@pytest.mark.parametrize("tier", ["A", "B"])
def test_the_standard_library_can_be_imported_in_isolation(tier: Literal["A", "B"]) -> None:
    names = (
        "base64, bisect, calendar, copy, csv, dataclasses, decimal, difflib, enum, fractions, hashlib, heapq, "
        "inspect, numbers, operator, pprint, random, statistics, textwrap, types, unicodedata, uuid, zoneinfo"
    )
    source = f"import {names}\nresult = [hashlib.sha256(b'').hexdigest()[:4], decimal.Decimal(1) == 1]"
    try:
        sandbox = ProcessSandbox(ProcessConfig(tier=tier))
    except SandboxUnavailableError as error:
        pytest.skip(str(error))
    with sandbox:
        execution = sandbox.run(Program(source), None, LIMITS)
    assert (execution.value, execution.error) == (["e3b0", True], None)


def test_random_numbers_differ_from_one_run_to_the_next(own: ProcessSandbox) -> None:
    with own:
        program = Program("import random\nresult = random.random()")
        assert len({own.run(program, None, LIMITS).value for _ in range(5)}) == 5


def test_a_canary_that_gets_through_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, own: ProcessSandbox
) -> None:
    own.close()
    monkeypatch.setattr(canaries, "_SOURCE", "def attack(*args):\n    return ['read a file of the host']")
    with pytest.raises(SandboxUnavailableError, match="read a file of the host"):
        ProcessSandbox(ProcessConfig())


def test_canaries_that_cannot_fly_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, own: ProcessSandbox
) -> None:
    own.close()
    monkeypatch.setattr(canaries, "_SOURCE", "def attack(*args):\n    raise ValueError('broken')")
    with pytest.raises(SandboxUnavailableError, match="could not be tried"):
        ProcessSandbox(ProcessConfig())


def test_the_death_of_a_zygote_is_no_verdict(own: ProcessSandbox) -> None:
    with own:
        for _ in range(3):
            os.kill(own._pools[0].zygote_pid, signal.SIGKILL)
            execution = own.run(Program("result = 1"), None, LIMITS)
            assert (execution.status, execution.value) == (Status.OK, 1)


def test_the_death_of_a_zygote_during_a_run_is_retried(own: ProcessSandbox) -> None:
    with own:
        pid = own._pools[0].zygote_pid
        threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
        execution = own.run(Program("import time\ntime.sleep(0.6)\nresult = 1"), None, LIMITS)
        assert (execution.status, execution.value) == (Status.OK, 1)
        assert own._pools[0].zygote_pid != pid


def test_children_that_the_machine_kills_are_no_verdict() -> None:
    """As when memory runs out: the running one and all the spare ones at once."""
    try:
        sandbox = ProcessSandbox(ProcessConfig(tier="B"))
    except SandboxUnavailableError as error:
        pytest.skip(str(error))
    with sandbox:
        threading.Timer(0.5, _kill_children, (sandbox._pools[0].zygote_pid,)).start()
        execution = sandbox.run(Program("import time\ntime.sleep(1)\nresult = 1"), None, LIMITS)
        assert (execution.status, execution.value) == (Status.OK, 1)


def test_after_a_tool_call_the_caller_must_retry(own: ProcessSandbox) -> None:
    """The world has been touched: only the caller can begin with a fresh one."""
    with own:
        threading.Timer(0.3, os.kill, (own._pools[0].zygote_pid, signal.SIGKILL)).start()
        tools = Counting()
        source = "import time\nkeep(1)\ntime.sleep(5)\nresult = 1"
        execution = own.run(Program(source), tools, LIMITS)
        assert (execution.status, execution.value, tools.asked) == (Status.INFRA_ERROR, None, 1)
        assert execution.calls[0].name == "keep"


def test_a_session_survives_its_zygote_as_infra_error(own: ProcessSandbox) -> None:
    with own, own.session(None, LIMITS) as session:
        assert session.run("x = 1").ok
        os.kill(own._pools[0].zygote_pid, signal.SIGKILL)
        time.sleep(0.2)
        assert session.run("print(x)").status in (Status.INFRA_ERROR, Status.CRASH)
        assert session.run("x = 2\nprint(x)").stdout == "2\n"


def test_closing_ends_what_runs(own: ProcessSandbox) -> None:
    threading.Timer(0.3, own.close).start()
    before = time.monotonic()
    execution = own.run(Program("while True: pass"), None, LIMITS)
    assert execution.status is Status.INFRA_ERROR
    assert time.monotonic() - before < SOON
    assert own.run(Program("result = 1"), None, LIMITS).status is Status.INFRA_ERROR


def test_nothing_is_left_behind(own: ProcessSandbox) -> None:
    before = (_descriptors(), _mounts(), _own_files())
    with ProcessSandbox(ProcessConfig()) as sandbox:
        pid = sandbox._pools[0].zygote_pid
        for number in range(100):
            sandbox.run(Program("result = add(1, 2)", hash_seed=number % 2), Counting(), LIMITS)
        with sandbox.session(None, LIMITS) as session:
            session.run("x = 1")
        during = _family(pid)
        assert len(during) < 30  # zygote, spares; no zombies that pile up
    own.close()
    gc.collect()
    assert _family(pid) == []
    assert _descriptors() <= before[0]
    assert _mounts() == before[1]
    until = time.monotonic() + SOON  # a sandbox of a test beside this one has its canaries for a moment
    while _own_files() != before[2] and time.monotonic() < until:
        time.sleep(0.05)
    assert _own_files() == before[2]


def test_a_host_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    program = (
        "import os, sys, time\n"
        "from selfchal.sandbox.process.sandbox import *\n"
        "sandbox = ProcessSandbox(ProcessConfig())\n"
        "print(sandbox._pools[0].zygote_pid, flush=True)\n"
        "sandbox.run(Program('while True: pass'), None, Limits(seconds=60))\n"
    )
    host = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    zygote = int(host.stdout.readline())
    time.sleep(0.3)
    host.kill()
    host.wait()
    host.stdout.close()
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{zygote}/cmdline") and _cmdline(zygote) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _cmdline(zygote)


def test_a_host_with_low_limits_has_a_sandbox_too(process: Sandbox) -> None:
    """As users often have them: nobody can raise a hard limit again."""
    program = (
        "from selfchal.core.sandbox import *\n"
        "from selfchal.sandbox.process.sandbox import *\n"
        "with ProcessSandbox(ProcessConfig()) as sandbox:\n"
        "    print(sandbox.run(Program('result = 1'), None, Limits(seconds=30)).value)\n"
    )

    def lower() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        resource.setrlimit(resource.RLIMIT_STACK, (4 * 2**20, 4 * 2**20))

    ended = subprocess.run(
        [sys.executable, "-c", program], preexec_fn=lower, capture_output=True, text=True, check=False
    )
    assert ended.stdout == "1\n", ended.stderr


def test_the_clock_and_the_seed_can_be_fixed() -> None:
    source = (
        "import datetime, random, time\n"
        "now = datetime.datetime.now()\n"
        "result = [time.time(), now.isoformat(), datetime.date.today().isoformat(), random.random(),"
        " isinstance(now, datetime.datetime), time.strftime('%Y'), time.localtime().tm_year]"
    )
    try:
        sandbox = ProcessSandbox(ProcessConfig(clock=1_700_000_000.0, seed=7))
    except SandboxUnavailableError as error:
        pytest.skip(str(error))
    with sandbox:
        first, second = (sandbox.run(Program(source, hash_seed=seed), None, LIMITS).value for seed in (0, 1))
    assert first == second
    assert first[:3] == [1_700_000_000.0, "2023-11-14T22:13:20", "2023-11-14"]
    assert first[4:] == [True, "2023", 2023]


def test_promises_say_what_is_partial() -> None:
    assert guarantees_of_tier.guarantees("A", []).missing(Level.FULL) == []
    assert guarantees_of_tier.guarantees("B", []).missing(Level.FULL) == ["file_reads"]
    assert guarantees_of_tier.guarantees("C", ["tier A: x"]).notes.endswith("tier A: x")


def _kill_children(zygote: int) -> None:
    for pid in set(_family(zygote)) - {str(zygote)}:
        os.kill(int(pid), signal.SIGKILL)


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def _own_files() -> list[str]:
    """What sandboxes make there; tests beside this one make other things."""
    return sorted(name for name in os.listdir(tempfile.gettempdir()) if name.startswith("selfchal-canary"))


def _mounts() -> list[str]:
    """Without those of a container engine, whose tests may run beside this one."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if " - overlay " not in line and "/netns/" not in line]


def _cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _family(pid: int) -> list[str]:
    """The process and its descendants, from /proc."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                text = Path(f"/proc/{name}/stat").read_text()
            except OSError:
                continue
            parents[int(name)] = int(text.rpartition(")")[2].split()[1])
    found = {pid} if pid in parents else set()
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(map(str, found))


@pytest.mark.parametrize("tier", ["A", "B"])
def test_the_library_is_found_after_its_folder_changed(tier: Literal["A", "B"]) -> None:
    """As when something is installed meanwhile: an import would list the folder anew, which a child may not."""
    folder = Path(sysconfig.get_path("stdlib"))
    before = folder.stat()
    if not os.access(folder, os.W_OK) or before.st_uid != os.getuid():
        pytest.skip(f"{folder} belongs to somebody else")
    with ProcessSandbox(ProcessConfig(tier=tier)) as sandbox:
        os.utime(folder)
        try:
            execution = sandbox.run(Program("import random, email.message\nresult = 1"), None, Limits())
        finally:
            os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert execution.value == 1, execution.error
