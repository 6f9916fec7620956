"""Inside a container: passes bytes between the host's one connection and many children.

It is the container's main process and speaks packets over stdin and stdout (``PACKET``: kind, channel,
length). It understands nothing of what it passes on. Each channel may send ``WINDOW`` bytes before the
host grants more, so that a child that floods is held back here and not in the host's memory.
When the host hangs up, or a zygote dies, it ends, and the container with it.
"""

from __future__ import annotations

import json
import os
import select
import struct
import sys
import time
from typing import NoReturn

from . import kernel
from .ending import Ending
from .forked import DYING_SECONDS, Child
from .frames import ChannelClosedError, ChannelTimeoutError
from .page_tables import LOOK_SECONDS
from .spawn import Zygote, ZygoteError, ZygoteSettings

PACKET = struct.Struct("!BII")
WINDOW = 256 * 2**10
# Host to relay: open (payload: hash seed), bytes for a child, more window (payload: 4 bytes), what did it
# print (payload: 4 bytes, the cap), forget that, end it, a run begins (payload: 8 bytes, its memory limit),
# let it run no further, let it run on, kill it.
OPEN, BYTES, GRANT, PRINTED, FORGET, END, WATCH, SUSPEND, RESUME, KILL = range(1, 11)
# Relay to host: the channel is ready, bytes of a child, the child ended (payload: an ``Ending``), what it
# printed, and once for the whole relay: how it started.
READY, DATA, CLOSED, TEXT, STARTED = range(11, 16)
NUMBER = struct.Struct("!I")
MEMORY = struct.Struct("!Q")

_CHUNK = 64 * 2**10
_READY_SECONDS = 30.0
_TIERS = (
    "A",
    "B",
    "C",
    "S",
)  # inside a container seccomp alone will do: the container is the wall around files


def main() -> NoReturn:
    """Entry point: one JSON argument with ``hash_seeds``, ``clock``, ``seed`` and ``spares``."""
    settings = json.loads(sys.argv[1])
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # what it passes on is in its memory
    try:
        relay = Relay(settings)
    except ZygoteError as error:
        _send(STARTED, 0, json.dumps({"error": str(error)}).encode())
        os._exit(1)
    _send(STARTED, 0, json.dumps({"tier": relay.tier}).encode())
    relay.serve()
    os._exit(0)


def _send(kind: int, channel: int, payload: bytes) -> None:
    view = memoryview(PACKET.pack(kind, channel, len(payload)) + payload)
    while view:
        view = view[os.write(1, view) :]


class _Line:
    """One child and what is on its way to and from it."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.window = WINDOW
        self.outgoing = bytearray()
        self.watched = False
        self.hung_up = False
        self.dying_until = 0.0  # from then on until its end is told: when it is to have ended


class Relay:
    def __init__(self, settings: dict[str, object]) -> None:
        """Start the zygotes in the best tier that the container allows. Raises ZygoteError."""
        self._settings = settings
        self._zygotes: dict[int, Zygote] = {}
        self._spares: dict[int, list[Child]] = {}
        self._lines: dict[int, _Line] = {}
        self._by_fd: dict[int, int] = {}
        self._poll = select.poll()
        self._incoming = bytearray()
        self.tier = self._start_zygotes()

    def _start_zygotes(self) -> str:
        reasons = []
        for tier in _TIERS:
            try:
                for hash_seed in (0, 1):
                    self._zygotes[hash_seed] = self._start_zygote(tier, hash_seed)
                    self._spares[hash_seed] = []
                    self._refill(hash_seed)
                return tier
            except ZygoteError as error:
                reasons.append(f"{tier}: {error}")
        raise ZygoteError("; ".join(reasons))

    def _start_zygote(self, tier: str, hash_seed: int) -> Zygote:
        clock, seed = self._settings["clock"], self._settings["seed"]
        return Zygote(ZygoteSettings(tier, hash_seed, clock, seed))  # type: ignore[arg-type]  # as JSON gave them

    def _refill(self, hash_seed: int) -> None:
        spares = self._spares[hash_seed]
        while len(spares) < int(str(self._settings["spares"])):
            spares.append(self._zygotes[hash_seed].fork())

    def serve(self) -> None:
        """Pass bytes on until the host hangs up."""
        self._poll.register(0, select.POLLIN)
        while True:
            busy = any(line.watched or line.dying_until for line in self._lines.values())
            for fd, event in self._poll.poll(LOOK_SECONDS * 1000 if busy else None):
                if fd == 0:
                    if not self._read_host():
                        return
                elif fd in self._by_fd:
                    self._serve_child(self._by_fd[fd], event)
            self._look()

    def _look(self) -> None:
        """Whatever has its time: page tables of those that run, the end of those that hung up."""
        for channel, line in self._lines.items():
            if line.watched:
                line.child.look()
            if line.dying_until and (line.child.ended() or time.monotonic() > line.dying_until):
                line.dying_until = 0.0
                _send(CLOSED, channel, line.child.ending(0.0).to_bytes())

    def _read_host(self) -> bool:
        data = os.read(0, _CHUNK)
        self._incoming += data
        while len(self._incoming) >= PACKET.size:
            kind, channel, length = PACKET.unpack_from(self._incoming)
            end = PACKET.size + length
            if len(self._incoming) < end:
                break
            payload = bytes(self._incoming[PACKET.size : end])
            del self._incoming[:end]
            self._obey(kind, channel, payload)
        return bool(data)

    def _obey(self, kind: int, channel: int, payload: bytes) -> None:
        line = self._lines.get(channel)
        if kind == OPEN:
            self._open(channel, payload[0])
        elif line is not None:  # else it never got ready, and the host is being told
            self._obey_for(line, kind, channel, payload)

    def _obey_for(self, line: _Line, kind: int, channel: int, payload: bytes) -> None:
        if kind == BYTES:
            line.outgoing += payload
            self._push(line)
        elif kind == GRANT:
            line.window += NUMBER.unpack(payload)[0]
            self._register(line)
        elif kind == PRINTED:
            _send(TEXT, channel, line.child.stdout(NUMBER.unpack(payload)[0]))
        elif kind == FORGET:
            line.child.forget_stdout()
        elif kind == WATCH:
            line.child.watch(MEMORY.unpack(payload)[0])
            line.watched = True
        elif kind == SUSPEND:
            line.child.suspend()
            line.watched = False
        elif kind == RESUME:
            line.child.resume()
        elif kind == KILL:
            line.child.kill()
        elif kind == END:
            self._drop(channel, line)

    def _open(self, channel: int, hash_seed: int) -> None:
        child = self._spares[hash_seed].pop(0)
        self._refill(hash_seed)
        try:
            child.wait_ready(time.monotonic() + _READY_SECONDS)
        except (ChannelClosedError, ChannelTimeoutError, OSError) as error:
            child.close()
            failure = f"a child in the container did not get ready: {error or type(error).__name__}"
            _send(CLOSED, channel, Ending(failure=failure).to_bytes())
            return
        line = self._lines[channel] = _Line(child)
        self._by_fd[child.fileno()] = channel
        self._register(line)
        _send(READY, channel, b"")

    def _register(self, line: _Line) -> None:
        if line.hung_up:
            return
        events = select.POLLIN if line.window > 0 else 0
        self._poll.register(line.child.fileno(), events | (select.POLLOUT if line.outgoing else 0))

    def _serve_child(self, channel: int, event: int) -> None:
        line = self._lines[channel]
        if event & select.POLLOUT:
            self._push(line)
        if event & ~select.POLLOUT and not line.hung_up:
            data = line.child.read_some(max(1, min(line.window, _CHUNK)))
            if not data:
                self._close(line)
                return
            line.window -= len(data)
            _send(DATA, channel, data)
            self._register(line)

    def _push(self, line: _Line) -> None:
        """What goes to one that has hung up is dropped: the host does not know of it yet."""
        sent = None if line.hung_up else line.child.write_some(line.outgoing)
        if sent is None:
            self._close(line)
            return
        del line.outgoing[:sent]
        self._register(line)

    def _close(self, line: _Line) -> None:
        """The child hung up: how it ended is told when it has. What it printed can be asked for until END."""
        if line.hung_up:
            return
        line.hung_up = True
        self._poll.unregister(line.child.fileno())
        self._by_fd.pop(line.child.fileno(), None)
        line.watched = False
        line.dying_until = time.monotonic() + DYING_SECONDS

    def _drop(self, channel: int, line: _Line) -> None:
        if self._by_fd.pop(line.child.fileno(), None) is not None:
            self._poll.unregister(line.child.fileno())
        del self._lines[channel]
        line.child.close()
