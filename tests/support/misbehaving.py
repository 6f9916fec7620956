"""A real HTTP server on the loopback interface that answers whatever a test tells it to, byte for byte."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Reply = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Request:
    """One request as it came in; ``body`` is its JSON, None where it has none."""

    path: str
    headers: dict[str, str]
    body: Any
    at: float


@dataclass
class Server:
    """Answers every request with the next of ``replies``, and with the last for ever; or as ``choose`` says."""

    replies: list[Reply]
    choose: Callable[[Request], Reply] | None = None
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                request = _read_request(connection)
                with self._lock:
                    self.requests.append(request)
                    reply = self.choose(request) if self.choose else self._take_next()
                reply(connection)
            except OSError:  # the other side has gone
                pass

    def _take_next(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextmanager
def serving(*replies: Reply, choose: Callable[[Request], Reply] | None = None) -> Iterator[Server]:
    server = Server(list(replies), choose)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    server.port = listener.getsockname()[1]

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=server.serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        listener.close()


def answer(body: Any, status: int = 200, **headers: str) -> Reply:
    """A whole answer; ``body`` is sent as JSON where it is not bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}", "Connection: close", *lines])

    def reply(connection: socket.socket) -> None:
        connection.sendall(f"{head}\r\n\r\n".encode() + data)

    return reply


# What an endpoint says to a request without a prompt, by which ``selfchal validate`` asks whether it is there.
NO_PROMPT = answer({"error": {"message": "messages is required"}}, 400)


def drip(start: bytes, drop: bytes, pause: float = 0.05) -> Reply:
    """``start``, and then ``drop`` again and again for as long as somebody reads it."""

    def reply(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            time.sleep(pause)
            connection.sendall(drop)

    return reply


def chat_answer(text: Any, **choice: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    message = {"role": "assistant", "content": text}
    return {"choices": [{"message": message, "finish_reason": "stop", **choice}], "usage": usage}


def _read_request(connection: socket.socket) -> Request:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or _raise_gone()
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(rest) < int(headers.get("content-length", 0)):
        rest += connection.recv(65536) or _raise_gone()
    return Request(first.split()[1], headers, json.loads(rest) if rest else None, time.monotonic())


def _raise_gone() -> bytes:
    raise ConnectionError("the client has gone")
