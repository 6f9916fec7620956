"""The host's end of a relay: many channels over one connection, whatever carries it.

A thread of its own reads; whoever runs an execution waits for its own channel only. What a channel may
send ahead is bounded by the relay's window, so no child can fill the host's memory.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Callable
from typing import Protocol

from selfchal.sandbox.protocol import InfrastructureError
from selfchal.sandbox.runner import relay, wire
from selfchal.sandbox.runner.ending import Ending
from selfchal.sandbox.runner.frames import ChannelClosedError, ChannelTimeoutError, FrameTooLargeError

_LARGEST_PACKET = 2**20  # a relay reads 64 KiB at a time; more means that it is no relay
_READY_SECONDS = 60.0
_DYING_SECONDS = 0.5  # the relay gives a child a fifth of that
_TOLD_SECONDS = 10.0  # a relay that is there answers at once
_GONE = "the container is gone: the connection to it ended"


class Pipe(Protocol):
    """A byte stream to a relay's stdin and from its stdout."""

    def read(self) -> bytes:
        """Some bytes; none at the end."""
        ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class Multiplexer:
    """One relay. Raises InfrastructureError when it does not start."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._numbers = itertools.count(1)
        self._channels: dict[int, LinkChannel] = {}
        self._write_lock = threading.Lock()
        self._lock = threading.Lock()
        self._started = threading.Event()
        self.dead = False
        self.report: dict[str, str] = {}
        threading.Thread(target=self._read_all, name="selfchal-sandbox-link", daemon=True).start()
        if not self._started.wait(_READY_SECONDS) or "tier" not in self.report:
            self.close()
            raise InfrastructureError(f"the relay did not start: {self.report.get('error', 'no answer')}")

    def open(self, hash_seed: int) -> LinkChannel:
        """A channel to a fresh, ready child. Raises InfrastructureError."""
        number = next(self._numbers)
        channel = LinkChannel(self, number)
        with self._lock:
            if self.dead:
                raise InfrastructureError(_GONE)
            self._channels[number] = channel
        try:
            self.send(relay.OPEN, number, bytes([hash_seed]))
            channel.wait_ready(time.monotonic() + _READY_SECONDS)
        except (ChannelClosedError, ChannelTimeoutError) as error:
            self.drop(number)
            failure = channel.ending().failure or "a child in the container did not get ready"
            raise InfrastructureError(failure) from error
        return channel

    def send(self, kind: int, number: int, payload: bytes) -> None:
        """Raises ChannelClosedError when the relay is gone."""
        try:
            with self._write_lock:
                self._pipe.write(relay.PACKET.pack(kind, number, len(payload)) + payload)
        except OSError as error:
            raise ChannelClosedError from error

    def drop(self, number: int) -> None:
        with self._lock:
            self._channels.pop(number, None)

    def _read_all(self) -> None:
        buffer = bytearray()
        try:
            while data := self._pipe.read():
                buffer += data
                if not self._take_packets(buffer):
                    break
        except (OSError, ValueError):
            pass  # the connection broke, or what came is no relay's speech: the same as its end
        finally:
            self._die()

    def _take_packets(self, buffer: bytearray) -> bool:
        """Hand on every whole packet; False when what comes is no packet."""
        while len(buffer) >= relay.PACKET.size:
            kind, number, length = relay.PACKET.unpack_from(buffer)
            if length > _LARGEST_PACKET:
                return False
            end = relay.PACKET.size + length
            if len(buffer) < end:
                return True
            payload = bytes(buffer[relay.PACKET.size : end])
            del buffer[:end]
            if kind == relay.STARTED:
                self._note_start(payload)
            else:
                channel = self._channels.get(number)
                if channel is not None:
                    channel.deliver(kind, payload)
        return True

    def _note_start(self, payload: bytes) -> None:
        report = json.loads(payload)
        if self._started.is_set() or not isinstance(report, dict):
            raise ValueError("a relay starts once")
        self.report = {str(key): str(value) for key, value in report.items()}
        self._started.set()

    def _die(self) -> None:
        with self._lock:
            self.dead = True
            channels = list(self._channels.values())
        self._started.set()
        gone = Ending(failure=_GONE).to_bytes()
        for channel in channels:
            channel.deliver(relay.CLOSED, gone)

    def close(self) -> None:
        self.dead = True
        self._pipe.close()


class LinkChannel:
    """One child behind a relay, as ``converse`` wants it. For one thread at a time."""

    def __init__(self, multiplexer: Multiplexer, number: int) -> None:
        self._link = multiplexer
        self._number = number
        self._changed = threading.Condition()
        self._buffer = bytearray()
        self._ready = False
        self._ending: Ending | None = None  # once it hung up
        self._text: bytes | None = None

    def deliver(self, kind: int, payload: bytes) -> None:
        """Called by the link's thread."""
        with self._changed:
            if kind == relay.READY:
                self._ready = True
            elif kind == relay.DATA:
                self._buffer += payload
            elif kind == relay.TEXT:
                self._text = payload
            elif kind == relay.CLOSED:
                self._ending = self._ending or Ending.from_bytes(payload)
            self._changed.notify_all()

    def _wait(self, done: Callable[[], bool], deadline: float) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: done() or self._ending is not None, max(deadline - time.monotonic(), 0)
            )
            if done():
                return
            if self._ending is not None:
                raise ChannelClosedError
            raise ChannelTimeoutError

    def wait_ready(self, deadline: float) -> None:
        self._wait(lambda: self._ready, deadline)

    def send(self, payload: bytes, deadline: float) -> None:
        self._link.send(relay.BYTES, self._number, wire.HEADER.pack(len(payload)) + payload)

    def receive(self, deadline: float, cap: int) -> bytes:
        length: int = wire.HEADER.unpack(self._take(wire.HEADER.size, deadline))[0]
        if length > cap:
            raise FrameTooLargeError(f"its messages are larger than {cap} bytes")
        return self._take(length, deadline)

    def _take(self, size: int, deadline: float) -> bytes:
        """Exactly so many bytes, granting the relay as many again as are taken."""
        taken = bytearray()
        while len(taken) < size:
            self._wait(lambda: bool(self._buffer), deadline)
            with self._changed:
                part = bytes(self._buffer[: size - len(taken)])
                del self._buffer[: len(part)]
            taken += part
            self._link.send(relay.GRANT, self._number, relay.NUMBER.pack(len(part)))
        return bytes(taken)

    def quiet(self) -> bool:
        return not self._buffer and self._ending is None

    def stdout(self, cap: int) -> bytes:
        """What was printed; nothing where the relay died before it could tell."""
        self._text = None
        try:
            self._link.send(relay.PRINTED, self._number, relay.NUMBER.pack(cap))
        except ChannelClosedError:
            return b""
        with self._changed:
            self._changed.wait_for(lambda: self._text is not None or self._link.dead, _TOLD_SECONDS)
            return self._text or b""

    def forget_stdout(self) -> None:
        self._tell(relay.FORGET)

    def watch(self, memory: int) -> None:
        self._tell(relay.WATCH, relay.MEMORY.pack(memory))

    def suspend(self) -> None:
        self._tell(relay.SUSPEND)

    def resume(self) -> None:
        self._tell(relay.RESUME)

    def kill(self) -> None:
        self._tell(relay.KILL)

    def _tell(self, kind: int, payload: bytes = b"") -> None:
        """Where the relay is gone, ``ending`` says so."""
        with contextlib.suppress(ChannelClosedError):
            self._link.send(kind, self._number, payload)

    def ending(self) -> Ending:
        for seconds in (_DYING_SECONDS, _TOLD_SECONDS):
            with self._changed:
                self._changed.wait_for(lambda: self._ending is not None, seconds)
                if self._ending is not None:
                    return self._ending
            self.kill()
        return Ending(failure=f"the container did not answer for {_TOLD_SECONDS:.0f} s")

    def close(self) -> None:
        if not self._link.dead:
            self._tell(relay.END)
        self._link.drop(self._number)
