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


class Traps:
    """A secret file, listening sockets, a process to be killed and the host's own environment."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(16)
        self._folder = Path(tempfile.mkdtemp(prefix="selfchal-attacks-"))
        self._folder.chmod(0o777)  # only the sandbox is to stand in the way
        self._secret = self._folder / "secret.py"
        self._plant()
        self._victim = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # a group of its own to be killed
        )
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._unix, self._abstract = self._list_unix_sockets()
        self._listeners = [
            one for one in (self._tcp, self._udp, self._unix, self._abstract) if one is not None
        ]
        for listener in self._listeners:
            listener.setblocking(False)
        self._package = Path(__file__).parents[2]
        self._before = self._look()

    def _plant(self) -> None:
        self._secret.write_text(f"token = {self._token!r}\nprint(token)\n")
        self._secret.chmod(0o666)

    def _list_unix_sockets(self) -> tuple[socket.socket, socket.socket | None]:
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
        self._victim.kill()
        self._victim.wait()
        for path in _PLANTED:
            path.unlink(missing_ok=True)
        for listener in self._listeners:
            listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _was_touched(listener: socket.socket) -> bool:
    with contextlib.suppress(BlockingIOError):
        if listener.type == socket.SOCK_DGRAM:
            return bool(listener.recv(1))
        connection, _ = listener.accept()
        connection.close()
        return True
    return False


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
