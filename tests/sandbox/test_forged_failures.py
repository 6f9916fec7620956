"""Code that wants to look like a failure of its sandbox, which would leave its episode out of the score.

Each ends as the code's own doing, and when its time is over: whatever the status, it is never infra_error.
"""

from __future__ import annotations

import json
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from selfchal.core.sandbox import Execution, Limits, Program, Sandbox, Status
from tests.sandbox.counting import Counting

LIMITS = Limits(seconds=0.5, memory=64 * 2**20, stdout=10_000, value=100_000, calls=20)
GRACE_SECONDS = 3.0  # of a machine that does other things too
_LOOP = "\nwhile True:\n    pass\n"
_SLEEP = "\nimport time\ntime.sleep(100)\n"


def _frame(message: object) -> bytes:
    data = json.dumps(message).encode()
    return struct.pack("!I", len(data)) + data


_CALL = _frame(["call", "add", [1, 2], {}])
_CHANNEL = {
    "closes its channel and loops": "import os\nos.close(3)" + _LOOP,
    "closes its channel and sleeps": "import os\nos.close(3)" + _SLEEP,
    "closes its channel and ends": "import os\nos.close(3)\nos._exit(0)",
    "closes its channel and breaks": "import ctypes, os\nos.close(3)\nctypes.string_at(8)",
    "closes every descriptor": "import os\nos.closerange(0, 4096)" + _LOOP,
    "replaces its channel by nothing": "import os\nos.dup2(os.open('/dev/null', 0), 3)" + _LOOP,
    "replaces its channel by what it prints": "import os\nos.dup2(1, 3)" + _LOOP,
    "calls a tool and closes its channel": f"import os\nos.write(3, {_CALL!r})\nos.close(3)" + _LOOP,
    "calls many tools and closes its channel": f"import os\nos.write(3, {_CALL * 50!r})\nos.close(3)"
    + _SLEEP,
    "closes its channel within a message": f"import os\nos.write(3, {_CALL[:9]!r})\nos.close(3)" + _LOOP,
    "says nothing more within a message": f"import os\nos.write(3, {_CALL[:9]!r})" + _LOOP,
    "calls tools and reads no answer": f"import os\nfor _ in range(10**6):\n    os.write(3, {_CALL!r})",
    "writes what it likes": "import os\nwhile True:\n    os.write(3, os.urandom(1000))",
    "reads the answers to somebody else": "import os\nwhile True:\n    os.read(3, 1000)",
    "uses up its descriptors": "import os\nheld = []\nwhile True:\n    held.append(os.dup(0))",
    "uses up its descriptors and loops": (
        "import os\ntry:\n    while True:\n        os.dup(0)\nexcept OSError:\n    pass" + _LOOP
    ),
}
_FORGED = {
    f"says {message!r}"[:60]: f"import os\nos.write(3, {message!r})" + _LOOP
    for message in (
        _frame(["done", "infra_error", None, "the zygote died"]),
        _frame(["done", "denied", None, None]),
        _frame(["infra_error"]),
        _frame({"failure": "the zygote died"}),
        b"F\nno descriptor is left (EMFILE)",
        b"R",
        b"P",
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
    )
}
_LIMITED = {
    f"lowers its {name} to {value}": (
        f"import resource\ntry:\n    resource.setrlimit(resource.{name}, ({value}, {value}))\n"
        "except (ValueError, OSError):\n    pass" + _LOOP
    )
    for name in ("RLIMIT_CPU", "RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_STACK", "RLIMIT_DATA")
    for value in (0, 1)
}
_LIMITED["lowers every limit and prints"] = """
import resource
for limit in range(16):
    try:
        resource.setrlimit(limit, (0, 0))
    except (ValueError, OSError):
        pass
while True:
    print('x' * 100)
"""
_ENDS = {
    f"ends with exit code {code}": f"import os\nos._exit({code})"
    for code in (0, 1, 9, 77, 128, 134, 137, 255)
} | {
    "ends its thread": (
        "import ctypes, os\nctypes.CDLL(None).syscall({'x86_64': 60, 'aarch64': 93}[os.uname().machine], 9)"
    ),
    "ends its thread without its channel": (
        "import ctypes, os\nos.close(3)\n"
        "ctypes.CDLL(None).syscall({'x86_64': 60, 'aarch64': 93}[os.uname().machine], 137)"
    ),
    "aborts": "import os\nos.abort()",
    "kills itself": "import os, signal\ntry:\n    os.kill(os.getpid(), 9)\nexcept OSError:\n    pass" + _LOOP,
    "reads nowhere": "import ctypes\nctypes.string_at(8)",
    "stops itself": "import os, signal\ntry:\n    os.kill(os.getpid(), 19)\nexcept OSError:\n    pass"
    + _LOOP,
    "runs out of stack": (
        "import ctypes\nF = ctypes.CFUNCTYPE(ctypes.c_int)\n"
        "def f():\n    return F(f)()\nimport sys\nsys.setrecursionlimit(10**9)\nf()\n"
        "raise RecursionError"  # where Python itself ends these calls (3.12)
    ),
    "prints over its limit by itself": "import os, signal\nsignal.signal(25, 0)\nos.write(1, b'x' * 10**6)"
    + _LOOP,
}
_MACHINE_CODE = """
import ctypes, mmap, os
code = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
code.write(bytes.fromhex({!r}))
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
"""
if struct.calcsize("P") == 8:
    _ENDS |= {
        "does what no processor can": _MACHINE_CODE.format("0f0b00000f0b0000"),
        "traps": _MACHINE_CODE.format("ccccccc3"),
    }
_MEMORY = {
    "takes all that it may": "held = []\nwhile True:\n    held.append(bytearray(2**20))",
    "takes all that it may and goes on": (
        "held = []\nwhile True:\n    try:\n        held.append(bytearray(2**20))\n    except MemoryError:\n        pass"
    ),
}
KINDS = {"channel": _CHANNEL, "forged": _FORGED, "limits": _LIMITED, "ends": _ENDS, "memory": _MEMORY}
IN_SESSIONS = [*_CHANNEL.values(), _ENDS["ends with exit code 137"], _ENDS["ends its thread"]]

IN_SESSION = replace(LIMITS, seconds=2.0)  # its first run may have to wait for an interpreter


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_code_does_is_its_own_doing(sandbox: Sandbox, kind: str) -> None:
    def run(source: str) -> Execution:
        return sandbox.run(Program(source), Counting(), LIMITS)

    with ThreadPoolExecutor(4) as threads:
        found = dict(zip(KINDS[kind], threads.map(run, KINDS[kind].values()), strict=True))
    assert {name: end for name, end in found.items() if end.status in (Status.INFRA_ERROR, Status.OK)} == {}
    late = {name: end.seconds for name, end in found.items() if end.seconds > LIMITS.seconds + GRACE_SECONDS}
    assert late == {}


def test_whatever_code_does_in_a_session_is_its_own_doing(sandbox: Sandbox) -> None:
    def run(source: str) -> list[Execution]:
        with sandbox.session(Counting(), IN_SESSION) as session:
            return [session.run("x = 1"), session.run(source), session.run("print(2)")]

    with ThreadPoolExecutor(4) as threads:
        for source, executions in zip(IN_SESSIONS, threads.map(run, IN_SESSIONS), strict=True):
            assert executions[0].ok
            assert executions[1].seconds < IN_SESSION.seconds + GRACE_SECONDS
            assert Status.INFRA_ERROR not in {execution.status for execution in executions}, source


_DONE = _frame(["done", "ok", None, None])


@pytest.mark.parametrize("then", ["os.close(3)" + _LOOP, "os._exit(0)", "os.write(3, b'F')" + _LOOP, _SLEEP])
def test_what_a_session_does_after_it_said_that_it_is_done_is_its_own_doing(
    sandbox: Sandbox, then: str
) -> None:
    with sandbox.session(Counting(), LIMITS) as session:
        assert session.run(f"import os\nos.write(3, {_DONE!r})\n{then}").ok
        time.sleep(0.2)
        execution = session.run("print(1)")
        assert execution.status in (Status.CRASH, Status.TIMEOUT), execution
        assert session.run("print(2)").stdout == "2\n"


def test_time_is_up_for_code_that_never_stops_calling(sandbox: Sandbox) -> None:
    """Where the answers it does not read are kept for it (docker), nobody ever waits."""
    refused = _frame(["call", "no_tool", [], {}]) * 100
    flood = f"import os\nwhile True:\n    os.write(3, {refused!r})\n"
    execution = sandbox.run(Program(flood), Counting(), replace(LIMITS, seconds=0.2))
    assert execution.status is Status.TIMEOUT, execution
