"""Streamable HTTP: sessions apart, and clean refusals."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from selfchal.serving.mcp_http import McpServer
from selfchal.serving.sessions import Sessions
from tests.patience import SOON
from tests.serving.test_mcp_session import make_session

MOST = 3
INITIALIZE = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}
ORDER = {"name": "get_order", "arguments": {"order_id": "W102"}}
MOVE = {"name": "set_city", "arguments": {"order_id": "W102", "city": "Rome"}}


class Client:
    def __init__(self, server: McpServer) -> None:
        self.port = server.server_address[1]

    def send(
        self, body: Any, session: str = "", verb: str = "POST", path: str = "/mcp", **headers: str
    ) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"Mcp-Session-Id": session} if session else {}
        connection.request(verb, path, data, {**named, **headers})
        response = connection.getresponse()
        answered = response.read()
        connection.close()
        return response.status, dict(response.headers), json.loads(answered) if answered else None

    def open(self) -> str:
        status, headers, answered = self.send(INITIALIZE)
        assert (status, answered["result"]["serverInfo"]["name"]) == (200, "shop")
        session: str = headers["Mcp-Session-Id"]
        return session

    def call(self, session: str, params: Any) -> str:
        status, _, answered = self.send(
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, session
        )
        assert status == 200
        text: str = answered["result"]["content"][0]["text"]
        return text


@pytest.fixture
def client() -> Iterator[Client]:
    with McpServer("127.0.0.1", 0, Sessions(make_session, MOST)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Client(server)
        server.shutdown()
        thread.join()


def test_each_session_has_a_world_of_its_own(client: Client) -> None:
    one, other = client.open(), client.open()
    client.call(one, MOVE)
    assert "Rome" in client.call(one, ORDER)
    assert "Oslo" in client.call(other, ORDER)


def test_a_session_that_was_deleted_is_gone(client: Client) -> None:
    session = client.open()
    assert client.send(b"", session, "DELETE")[0] == 200
    assert client.send({"jsonrpc": "2.0", "id": 1, "method": "ping"}, session)[0] == 404
    assert client.send(b"", session, "DELETE")[0] == 404


def test_the_session_that_was_used_least_recently_makes_room(client: Client) -> None:
    sessions = [client.open() for _ in range(MOST)]
    client.call(sessions[0], ORDER)
    client.open()
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert [client.send(ping, session)[0] for session in sessions] == [200, 404, 200]


def test_a_notification_is_accepted(client: Client) -> None:
    session = client.open()
    assert client.send({"jsonrpc": "2.0", "method": "notifications/initialized"}, session)[::2] == (202, None)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"body": b"{"}, 400),
        ({"body": [INITIALIZE]}, 400),
        ({"body": {"jsonrpc": "2.0", "id": 1, "method": "ping"}}, 400),
        ({"body": {"jsonrpc": "2.0", "id": 1, "method": "ping"}, "session": "unknown"}, 404),
        ({"body": INITIALIZE, "path": "/elsewhere"}, 404),
        ({"body": INITIALIZE, "Origin": "https://evil.example"}, 403),
        ({"body": b"", "verb": "DELETE", "Origin": "https://evil.example"}, 403),
        ({"body": b"", "verb": "GET"}, 405),
        ({"body": b"", "Content-Length": "99999999999"}, 413),
        ({"body": b"", "Content-Length": "9" * 5_000}, 413),
        ({"body": INITIALIZE, "Origin": "http://["}, 403),
        ({"body": INITIALIZE, "Host": "evil.example"}, 403),
        ({"body": b"", "verb": "DELETE", "Host": "evil.example:8000"}, 403),
        ({"body": INITIALIZE, "path": "//[mcp"}, 404),
        ({"body": b"", "Content-Length": "-1"}, 411),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_reason(client: Client, sent: Any, status: int) -> None:
    found, _, answered = client.send(**sent)
    assert found == status
    assert answered["error"]["message"]


def test_a_page_of_this_machine_is_welcome(client: Client) -> None:
    assert client.send(INITIALIZE, Origin="http://localhost:3000")[0] == 200


def test_a_client_that_leaves_early_leaves_no_traceback(
    client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    body = json.dumps(INITIALIZE).encode()
    request = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", client.port), timeout=SOON) as left:
            left.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )  # a reset, and no end
            left.sendall(request + body)
    assert client.send(INITIALIZE)[0] == 200
    assert "Traceback" not in capfd.readouterr().err
