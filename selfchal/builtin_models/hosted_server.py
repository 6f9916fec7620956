"""vLLM servers on other machines, where the run's engine has room for them.

On the machine a ``NodeServer`` starts the server, ends it with itself, and writes down the weights that are
sent: no file system needs to be shared. In the run a ``HostedServer`` is where a fleet has its server from.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from selfchal.builtin_models.vllm_process import ServerProcess
from selfchal.core.errors import EngineError, ModelError
from selfchal.hosting import HostedObject, HostLostError, Reservation

log = logging.getLogger(__name__)

PIECE = 2**25  # bytes that are sent at a time
MOST_LOSSES = 3  # machines in a row, while one server is being started
MODEL, WEIGHTS = "model", "weights"  # directories on the machine
LOOK_AGAIN = 0.2  # seconds

Listing = tuple[tuple[str, int, int], ...]  # names, sizes and times of change


def list_files(directory: Path) -> Listing:
    """What two directories have in common where one is a faithful copy of the other, or both are one."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return tuple(
        (str(path.relative_to(directory)), path.stat().st_size, path.stat().st_mtime_ns) for path in files
    )


class NodeServer:
    """On the machine: one server, and the directories that it reads."""

    def __init__(self, python: str | None, path: str, options: Mapping[str, Any]) -> None:
        self._python, self._path, self._options = python, path, options
        self._directory = Path(tempfile.mkdtemp(prefix="selfchal-server-"))
        self._process: ServerProcess | None = None
        self._starting: threading.Thread | None = None
        self._fault: ModelError | None = None

    def has(self, listing: Listing) -> bool:
        """Is the model's directory here, with these files?"""
        path = Path(self._path).expanduser()
        return path.is_dir() and list_files(path) == listing

    def clear(self, name: str) -> str:
        """An empty directory of this name; where it is."""
        directory = self._directory / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        return str(directory)

    def write(self, name: str, file: str, data: bytes) -> None:
        """Add to a file in one of the directories. Raises ModelError."""
        path = self._directory / name / file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as opened:
                opened.write(data)
        except OSError as error:
            raise ModelError(
                f"the weights of a vLLM server cannot be written on its node: {error}"
            ) from error

    def use_sent_model(self) -> None:
        self._path = str(self._directory / MODEL)

    def begin(self, address: str) -> None:
        """Start the server, which listens there, unless it runs; ``look`` tells how that goes."""
        if self._process is None:
            self._process = ServerProcess(self._python, self._path, self._options, host=address)
        self._fault = None
        self._starting = threading.Thread(target=self._open, daemon=True)
        self._starting.start()

    def _open(self) -> None:
        assert self._process is not None, "it was made before the thread"
        try:
            self._process.open(lambda: False)
        except ModelError as error:
            self._fault = error

    def look(self) -> str | None:
        """The server's address; None while it starts. Raises ModelError where it did not come up."""
        assert self._process is not None, "begin comes first"
        assert self._starting is not None, "begin comes first"
        if self._starting.is_alive():
            return None
        if self._fault is not None:
            raise self._fault
        return self._process.address

    def close(self) -> None:
        """The server ends, and what was sent goes."""
        if self._process is not None:
            self._process.close()
        shutil.rmtree(self._directory, ignore_errors=True)


@dataclass
class HostedServer:
    """``selfchal.builtin_models.fleet.Origin``: number ``number`` of those that there is room for."""

    reservation: Reservation
    number: int
    make: Callable[[], NodeServer]
    model: Path | None  # a directory here; None where the machines find it by a name
    address: str = ""
    _host: HostedObject | None = field(default=None)

    def open(self, is_over: Callable[[], bool]) -> str:
        for _ in range(MOST_LOSSES):
            try:
                return self._open(is_over)
            except HostLostError as error:
                log.warning("the machine of a vLLM server was lost: %s", error)
                self._drop()
            except EngineError as error:
                raise ModelError(f"a vLLM server cannot be started: {error}") from error
        raise ModelError(f"{MOST_LOSSES} machines in a row were lost while a vLLM server was started there.")

    def _open(self, is_over: Callable[[], bool]) -> str:
        if self._host is None:
            self._host = self.reservation.open(self.number, self.make, is_over)
            self._send_model(self._host)
        self._host.call("begin", self._host.address)
        while not is_over():
            if address := self._host.call("look"):
                self.address = address
                return self.address
            time.sleep(LOOK_AGAIN)
        raise ModelError("A vLLM server is not waited for any more: the model was closed.")

    def _send_model(self, host: HostedObject) -> None:
        """Unless the machine has the same files under the same path."""
        if self.model is None or host.call("has", list_files(self.model)):
            return
        self._send(host, MODEL, self.model)
        host.call("use_sent_model")

    def carry(self, directory: Path) -> Path:
        """Send the files of a directory; where the server finds them. Raises HostLostError."""
        if self._host is None:
            raise HostLostError("the machine of a vLLM server was lost")
        return self._send(self._host, WEIGHTS, directory)

    def _send(self, host: HostedObject, name: str, directory: Path) -> Path:
        there = Path(host.call("clear", name))
        for file, _, _ in list_files(directory):
            for piece in _read_pieces(directory / file):
                host.call("write", name, file, piece)
        return there

    def _drop(self) -> None:
        host, self._host = self._host, None
        if host is not None:
            host.close()

    def close(self) -> None:
        if self._host is not None:
            try:
                self._host.call("close")
            except HostLostError:
                log.info("a vLLM server was gone already")
        self._drop()


def _read_pieces(file: Path) -> Iterator[bytes]:
    """At least one, for a file may be empty."""
    with file.open("rb") as opened:
        yield opened.read(PIECE)
        while piece := opened.read(PIECE):
            yield piece


def host_servers(
    reservation: Reservation, count: int, python: str | None, path: str, options: Mapping[str, Any]
) -> list[HostedServer]:
    """So many servers of one model; nothing is started yet."""
    directory = Path(path).expanduser()
    model = directory.resolve() if directory.is_dir() else None
    make = partial(NodeServer, python, str(model or path), options)
    return [HostedServer(reservation, number, make, model) for number in range(count)]
