"""Attacks let loose in a real child before any work: if one gets through, the sandbox does not start."""

from __future__ import annotations

import os
import socket
import tempfile
from typing import Protocol

from selfchal.core.errors import SandboxUnavailableError
from selfchal.core.sandbox import Execution, Limits, Program
from selfchal.core.world import ToolHost

_SOURCE = """
import ctypes, os, signal, socket
libc = ctypes.CDLL(None, use_errno=True)

def number(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")

def connect(port):
    with socket.socket() as s:
        s.connect(("127.0.0.1", port))

def fork():
    if os.fork() == 0:
        os._exit(0)

def canaries(secret, host, port, folder):
    return {
        "read a file of the host": lambda: open(secret).read(),
        "read /etc/passwd": lambda: open("/etc/passwd").read(),
        "read the host's environment": lambda: open(f"/proc/{host}/environ", "rb").read(),
        "write a file": lambda: open(folder + "/canary", "w").close(),
        "make a socket": lambda: socket.socket(),
        "connect to a port of the host": lambda: connect(port),
        "fork": fork,
        "start a program": lambda: number(libc.execve(b"/bin/sh", None, None)),
        "signal the host": lambda: os.kill(host, 0),
        "trace the host": lambda: number(libc.ptrace(16, host, None, None)),
        "use io_uring": lambda: number(libc.syscall(425, 1, ctypes.create_string_buffer(256))),
        "allocate 2 GB over the limit": lambda: bytearray(2 * 2**30),
    }

def attack(secret, host, port, folder):
    through = []
    for name, canary in canaries(secret, host, port, folder).items():
        try:
            canary()
            through.append(name)
        except (OSError, MemoryError):
            pass
    return through
"""


class _Runs(Protocol):
    def run(self, program: Program, tools: ToolHost | None, limits: Limits) -> Execution: ...


def release(sandbox: _Runs) -> None:
    """Raises SandboxUnavailableError when a canary gets through, or when none could be tried."""
    with (
        tempfile.TemporaryDirectory(prefix="selfchal-canary-") as folder,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        os.chmod(folder, 0o777)  # only the sandbox is to stand in the way
        secret = os.path.join(folder, "secret")
        with open(secret, "w") as file:
            file.write("a canary's secret")
        os.chmod(secret, 0o666)
        args = (secret, os.getpid(), server.getsockname()[1], folder)
        execution = sandbox.run(Program(_SOURCE, call="attack", args=args), None, Limits(seconds=20.0))
    if not execution.ok or not isinstance(execution.value, list):
        raise SandboxUnavailableError(
            f"the sandbox could not be tried before use ({execution.status}): {execution.error}"
        )
    if execution.value:
        raise SandboxUnavailableError(
            "the sandbox does not hold on this machine, code in it could: "
            f"{', '.join(map(str, execution.value))}"
        )
