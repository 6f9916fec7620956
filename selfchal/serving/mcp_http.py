"""MCP over streamable HTTP: any number of clients, each session in a world of its own.

A client's ``initialize`` opens a session, whose id the client sends with every later request, in the header
``Mcp-Session-Id``. Requests of one session are answered one after the other. A session ends when the client
deletes it, or when the server needs room for another one and this one was used least recently.
"""

from __future__ import annotations

import json
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from selfchal.core.errors import SelfchalError
from selfchal.serving.mcp_session import (
    INVALID_REQUEST,
    PARSE_ERROR,
    McpSession,
    Message,
    make_error,
    parse_message,
)
from selfchal.serving.origins import LOCAL_NAMES, find_foreign
from selfchal.serving.sessions import Sessions

PATH = "/mcp"
SESSION_HEADER = "Mcp-Session-Id"
MOST_BYTES = 16 * 2**20  # of one request
_CLIENT_SECONDS = 60.0  # a client that sends nothing for so long is let go; its session stays


class McpServer(ThreadingHTTPServer):
    """Serves at ``url`` while ``serve_forever`` runs. Raises OSError where the address cannot be used."""

    daemon_threads = True

    def __init__(self, host: str, port: int, sessions: Sessions[McpSession]) -> None:
        super().__init__((host, port), _Handler)
        self.sessions = sessions
        self.names = LOCAL_NAMES | {host}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves before its answer is there is nothing to print a traceback for."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}{PATH}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float] = _CLIENT_SECONDS
    server: McpServer

    def do_POST(self) -> None:
        body = self._read_body()
        if body is None:
            return
        try:
            message = parse_message(body)
        except ValueError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {error}", PARSE_ERROR)
            return
        if not isinstance(message, dict):
            self._refuse(HTTPStatus.BAD_REQUEST, "the body is one JSON-RPC message")
        elif message.get("method") == "initialize":
            self._open(message)
        else:
            self._answer(message)

    def do_GET(self) -> None:
        """A client asks here for a stream of the server's own messages; there are none."""
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "this server sends nothing by itself; use POST")

    def do_DELETE(self) -> None:
        if not self._is_welcome():
            return
        try:
            self.server.sessions.close(self.headers.get(SESSION_HEADER, ""))
        except KeyError:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such session")
        else:
            self._send(HTTPStatus.OK, b"")

    def _open(self, message: Message) -> None:
        try:
            name = self.server.sessions.open()
            response = self.server.sessions.use(name, lambda session: session.answer(message))
        except SelfchalError as error:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
            return
        self._send_response(response, {SESSION_HEADER: name})

    def _answer(self, message: Message) -> None:
        name = self.headers.get(SESSION_HEADER)
        if name is None:
            self._refuse(HTTPStatus.BAD_REQUEST, f"send initialize first, then its {SESSION_HEADER}")
            return
        try:
            response = self.server.sessions.use(name, lambda session: session.answer(message))
        except KeyError:
            self._refuse(HTTPStatus.NOT_FOUND, "this session is over; send initialize")
            return
        self._send_response(response, {})

    def _read_body(self) -> bytes | None:
        """The body of a request that may be answered; None where it was refused already."""
        size = self.headers.get("Content-Length", "")
        if not self._is_welcome():
            return None
        if not size.isdecimal():
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "say Content-Length")
            return None
        # Python reads no number of 5,000 digits
        if len(size) > len(str(MOST_BYTES)) or int(size) > MOST_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a message has at most {MOST_BYTES:,} bytes")
            return None
        return self.rfile.read(int(size))

    def _is_welcome(self) -> bool:
        """Refuse what a page of another site sends through somebody's browser, and what asks for another
        path. The protocol demands the first."""
        why = find_foreign(self.headers.get("Origin"), self.headers.get("Host"), self.server.names)
        if why:
            self._refuse(HTTPStatus.FORBIDDEN, why)
            return False
        if self.path.partition("?")[0] != PATH:
            self._refuse(HTTPStatus.NOT_FOUND, f"the server is at {PATH}")
            return False
        return True

    def _refuse(self, status: HTTPStatus, reason: str, code: int = INVALID_REQUEST) -> None:
        """An error response. The connection ends with it, since the body may not have been read."""
        self.close_connection = True
        self._send(status, json.dumps(make_error(None, code, reason)).encode())

    def _send_response(self, response: Message | None, headers: dict[str, str]) -> None:
        if response is None:
            self._send(HTTPStatus.ACCEPTED, b"", headers)
        else:
            self._send(HTTPStatus.OK, json.dumps(response).encode(), headers)

    def _send(self, status: HTTPStatus, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if body:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the name is the base class's
        """Requests are not logged: their number is the clients' affair."""
