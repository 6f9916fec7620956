"""Frames over a non-blocking socket, with deadlines and caps: the host's end of any child."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable

from . import wire

_CHUNK = 2**16


class ChannelClosedError(Exception):
    """The child hung up; the message is what it or its zygote said of that, if anything."""


class ChannelTimeoutError(Exception):
    """The deadline passed."""


class FrameTooLargeError(Exception):
    """More was said, or announced, than the host takes; the message says what is too much."""


class Frames:
    """For one thread at a time."""

    def __init__(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self.socket = channel
        self._buffer = bytearray()
        # Called whenever it is to wait for bytes; answers when it wants to be called again, at the latest.
        self.look: Callable[[], float] | None = None
        self._readable = select.poll()
        self._readable.register(channel, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(channel, select.POLLOUT)

    def send(self, payload: bytes, deadline: float) -> None:
        """One frame. Raises ChannelClosedError or ChannelTimeoutError."""
        view = memoryview(wire.HEADER.pack(len(payload)) + payload)
        while view:
            try:
                view = view[self.socket.send(view) :]
            except BlockingIOError:
                _wait(self._writable, deadline)
            except OSError as error:
                raise ChannelClosedError from error

    def receive(self, deadline: float, cap: int) -> bytes:
        """One frame. Raises ChannelClosedError, ChannelTimeoutError or FrameTooLargeError."""
        size = wire.HEADER.size
        while len(self._buffer) < size:
            self._fill(deadline)
        length: int = wire.HEADER.unpack_from(self._buffer)[0]
        if length > cap:
            raise FrameTooLargeError(f"its messages are larger than {cap} bytes")
        while len(self._buffer) < size + length:
            self._fill(deadline)
        payload = bytes(self._buffer[size : size + length])
        del self._buffer[: size + length]
        return payload

    def _fill(self, deadline: float) -> None:
        self.wait_readable(deadline)
        try:
            data = self.socket.recv(_CHUNK)
        except OSError as error:
            raise ChannelClosedError from error
        if not data:
            raise ChannelClosedError
        self._buffer += data

    def wait_readable(self, deadline: float) -> None:
        """Raises ChannelTimeoutError."""
        while self.look is not None and (next_look := self.look()) < deadline:
            if self._readable.poll(max(next_look - time.monotonic(), 0) * 1000):
                return
        _wait(self._readable, deadline)

    def quiet(self) -> bool:
        """True while nothing unasked has come in: a child has nothing to say between two runs."""
        return not self._buffer and not self._readable.poll(0)


def _wait(poll: select.poll, deadline: float) -> None:
    if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
        raise ChannelTimeoutError
