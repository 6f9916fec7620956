"""Traps on the host: what attackers may reach for, and how it shows that one did."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Self

from selfchal.core.sandbox import Execution
from selfchal.core.world import Json
from selfchal.testing.attacks.attack import Attack

_PUBLIC = ("PATH", "LANG", "HOME", "PWD", "SHELL", "TERM", "HOSTNAME", "PYTHONPATH", "VIRTUAL_ENV")
_SHORT = 8  # values shorter than this are no secrets
# What writing attacks make where they get through.
_PLANTED = (Path(os.__file__).parent / "selfchal_attack.py", Path(__file__).parents[2] / "selfchal_attack.py")
_HOME = os.path.expanduser("~")
_TEXT_SLACK = 64 * 2**10


# The process that attackers may kill. It ends with its parent, however that ends, and takes the folder along.
_VICTIM = "import shutil, sys\nsys.stdin.read()\nshutil.rmtree(sys.argv[1], ignore_errors=True)"


class Traps:
    """A secret file, listening sockets, a process to be killed and the host's own environment."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(16)
        self._package = Path(__file__).parents[2]
        self._resident = 0
        with contextlib.ExitStack() as undo:
            self._folder = Path(tempfile.mkdtemp(prefix="selfchal-attacks-"))
            undo.callback(shutil.rmtree, self._folder, ignore_errors=True)
            self._victim = self._start_victim(undo)
            self._folder.chmod(0o777)  # only the sandbox is to stand in the way
            self._secret = self._folder / "secret.py"
            self._plant()
            self._open_sockets(undo)
            self._before = self._look()
            for path in _PLANTED:
                undo.callback(path.unlink, missing_ok=True)
            self._undo = undo.pop_all()

    def _start_victim(self, undo: contextlib.ExitStack) -> subprocess.Popen[bytes]:
        victim = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _VICTIM, str(self._folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # a group of its own to be killed
        )
        undo.callback(victim.wait)
        undo.callback(victim.kill)
        if victim.stdin is not None:
            undo.callback(victim.stdin.close)
        return victim

    def _open_sockets(self, undo: contextlib.ExitStack) -> None:
        self._listeners: list[socket.socket] = []
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        unix, self._abstract = self._open_unix_sockets()
        for listener in filter(None, (self._tcp, self._udp, unix, self._abstract)):
            undo.callback(listener.close)
            listener.setblocking(False)
            self._listeners.append(listener)

    def _plant(self) -> None:
        self._secret.write_text(f"token = {self._token!r}\nprint(token)\n")
        self._secret.chmod(0o666)

    def _open_unix_sockets(self) -> tuple[socket.socket, socket.socket | None]:
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(str(self._folder / "socket"))
        (self._folder / "socket").chmod(0o777)
        unix.listen()
        if sys.platform != "linux":
            return unix, None
        self._abstract_name = f"selfchal-{uuid.uuid4()}"
        abstract = socket.socket(socket.AF_UNIX)
        abstract.bind(f"\0{self._abstract_name}")
        abstract.listen()
        return unix, abstract

    @property
    def target(self) -> dict[str, Json]:
        """What the attacker is told."""
        return {
            "pid": os.getpid(),
            "victim": self._victim.pid,
            "secret": str(self._secret),
            "folder": str(self._folder),
            "package": str(self._package),
            "home": _HOME,
            "home_sha256": _compute_sha256(ascii(_list_names(_HOME)).encode()),
            "command": os.path.basename(sys.argv[0]) or "python",
            "port": self._tcp.getsockname()[1],
            "udp_port": self._udp.getsockname()[1],
            "unix": str(self._folder / "socket"),
            "abstract": self._abstract_name if self._abstract else "none",
            "address": id(self._token),
            "passwd_sha256": _compute_sha256(_read("/etc/passwd")),
            "environment_sha256": [
                _compute_sha256(value.encode())
                for name, value in os.environ.items()
                if _is_secret(name, value)
            ],
        }

    def sprung(self, attack: Attack, execution: Execution) -> str | None:
        """In words, which trap has sprung since the last look."""
        told = f"{execution.stdout}{execution.error}{execution.value!r}"
        if self._token in told:
            return "the host's secret came back"
        if len(told) > attack.limits.stdout + 4 * attack.limits.value + _TEXT_SLACK:
            return f"{len(told)} characters came back"
        if attack.blind and str(self._package) in told:
            return "where selfchal is installed came back"
        grown = _read_peak() - self._resident
        if attack.host_memory is not None and self._resident and grown > attack.host_memory:
            return f"the host grew by {grown / 2**20:.0f} MB"
        if self._victim.poll() is not None:
            return "a process of the host was killed"
        for listener in self._listeners:
            if _was_touched(listener):
                return "a socket of the host was reached"
        now = self._look()
        if now != self._before:
            self._plant()  # for the attacks that follow
            self._before = self._look()
            return "a file of the host was changed"
        return None

    def reset_memory(self) -> None:
        """From here on the host's own peak of memory is counted, where the kernel does that (Linux)."""
        with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        self._resident = _read_peak()

    def _look(self) -> tuple[object, ...]:
        """Everything that writing attacks aim at."""
        if not self._secret.exists():
            return ("deleted",)
        stat = self._secret.stat()
        return (
            self._secret.read_bytes(),
            (stat.st_mode, stat.st_uid, stat.st_mtime, stat.st_nlink),
            sorted(os.listdir(self._folder)),
            *(path.exists() for path in _PLANTED),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._undo.close()


def _was_touched(listener: socket.socket) -> bool:
    with contextlib.suppress(BlockingIOError):
        if listener.type == socket.SOCK_DGRAM:
            return bool(listener.recv(1))
        connection, _ = listener.accept()
        connection.close()
        return True
    return False


def _read_peak() -> int:
    """Most bytes that this process had resident since the last reset; 0 where that is not told."""
    for line in _read("/proc/self/status").splitlines():
        if line.startswith(b"VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _is_secret(name: str, value: str) -> bool:
    return len(value) >= _SHORT and name not in _PUBLIC and not name.startswith(("LC_", "PYTHON"))


def _compute_sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _list_names(folder: str) -> list[str]:
    with contextlib.suppress(OSError):
        return sorted(os.listdir(folder))
    return []


def _read(path: str) -> bytes:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read()
    return b""
