"""One long-lived, locked-down container with a relay as its main process."""

from __future__ import annotations

import contextlib
import json
import os
import struct
from typing import Any

from selfchal.core.errors import SandboxUnavailableError
from selfchal.sandbox.docker.image import LABEL
from selfchal.sandbox.docker.multiplexer import Multiplexer

OWNER_LABEL = "selfchal.owner"
_STREAM = struct.Struct("!BxxxI")  # Docker's header before each piece of an attached stream
_STDOUT = 1
_CHUNK = 2**16
_PROGRAM = "import sys; sys.path.insert(0, '/app'); from runner.relay import main; main()"


class AttachedPipe:
    """A container's stdin and stdout over the engine's socket, without the engine's own headers."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection  # keeps the HTTP response, and with it the socket, alive
        self._socket = getattr(connection, "_sock", connection)
        self._buffer = bytearray()
        self._left = 0
        self._stream = 0
        self.complaints = b""

    def read(self) -> bytes:
        """Some bytes of stdout; none at the end. What comes on stderr is kept as complaints."""
        while True:
            if self._left == 0 and not self._read_header():
                return b""
            data = bytes(self._buffer[: self._left])
            if data:
                del self._buffer[: len(data)]
                self._left -= len(data)
                if self._stream == _STDOUT:
                    return data
                self.complaints = (self.complaints + data)[-2000:]
            elif not self._fill():
                return b""

    def _read_header(self) -> bool:
        while len(self._buffer) < _STREAM.size:
            if not self._fill():
                return False
        self._stream, self._left = _STREAM.unpack_from(self._buffer)
        del self._buffer[: _STREAM.size]
        return True

    def _fill(self) -> bool:
        data = self._socket.recv(_CHUNK)
        self._buffer += data
        return bool(data)

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def close(self) -> None:
        self._socket.close()
        self._connection.close()


class Container:
    """A running container. Raises SandboxUnavailableError when the engine refuses it."""

    def __init__(self, client: Any, image: str, options: ContainerOptions) -> None:
        from docker.errors import APIError

        try:
            self._container = client.containers.create(image, **_make_settings(options))
            attached = client.api.attach_socket(
                self._container.id, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            )
            attached._sock.settimeout(None)  # docker-py's request timeout is not for a stream
            self._container.start()
        except APIError as error:
            raise SandboxUnavailableError(
                f"the container engine refuses the sandbox's container: {error}"
            ) from error
        self.multiplexer = Multiplexer(AttachedPipe(attached))

    @property
    def id(self) -> str:
        return str(self._container.id)

    def close(self) -> None:
        """Kill and remove it; hanging up would do, but takes the engine a moment."""
        from docker.errors import APIError, NotFound

        self.multiplexer.close()
        with contextlib.suppress(NotFound, APIError):  # it was being removed already, as its hang-up demands
            self._container.remove(force=True)


class ContainerOptions:
    """What a container is started with; see ``DockerConfig`` for the meaning."""

    def __init__(
        self,
        *,
        owner: str,
        memory: int,
        runtime: str | None,
        clock: float | None,
        seed: int | None,
        spares: int,
    ) -> None:
        self.owner = owner
        self.memory = memory
        self.runtime = runtime
        self.relay = json.dumps({"clock": clock, "seed": seed, "spares": spares})


def _make_settings(options: ContainerOptions) -> dict[str, Any]:
    """Every lock that the engine has: no network, no capability, nothing writable, no engine socket."""
    from docker.types import LogConfig, Ulimit

    many = 1024 if options.runtime is None else 4096  # gVisor's own processes count too
    return {
        "command": ["python3", "-P", "-s", "-S", "-B", "-X", "utf8", "-c", _PROGRAM, options.relay],
        "stdin_open": True,  # and not detached: it ends when its host hangs up
        "auto_remove": True,
        "network_mode": "none",
        "read_only": True,
        "user": "65534:65534",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": options.memory,
        "memswap_limit": options.memory,
        "pids_limit": many,
        "nano_cpus": 10**9,
        "ipc_mode": "none",  # no shared memory folder either
        "runtime": options.runtime,
        "ulimits": [
            Ulimit(name="nofile", soft=4096, hard=4096),
            Ulimit(name="nproc", soft=4096, hard=4096),
            Ulimit(name="core", soft=0, hard=0),
        ],
        "log_config": LogConfig(type="none"),
        "environment": {"LC_ALL": "C.UTF-8"},
        "labels": {LABEL: "sandbox", OWNER_LABEL: options.owner},
    }


def owner_of_this_process() -> str:
    """Names the process that owns a container: host name, pid and when that pid started."""
    return f"{os.uname().nodename}:{os.getpid()}:{_start_container(os.getpid())}"


def remove_orphans(client: Any) -> int:
    """Remove containers of this machine whose owner has died; how many."""
    from docker.errors import APIError, NotFound

    removed = 0
    for container in client.containers.list(
        all=True, filters={"label": f"{LABEL}=sandbox"}, ignore_removed=True
    ):
        host, _, rest = str(container.labels.get(OWNER_LABEL, "")).partition(":")
        pid, _, started = rest.partition(":")
        if host != os.uname().nodename or (pid.isdigit() and _start_container(int(pid)) == started):
            continue
        try:
            container.remove(force=True)
            removed += 1
        except (NotFound, APIError):
            pass  # the engine was already removing it
    return removed


def _start_container(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        return ""
