"""The protocol, message by message."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from selfchal.serving.call_file import UnreadableCallsError
from selfchal.serving.mcp_session import VERSIONS, McpSession
from selfchal.serving.mcp_stdio import answer_lines
from selfchal.serving.session import Observation, ToolCall, WorldSession, list_tools
from tests.support.shop import Shop


def make_session(environment: Any = None) -> McpSession:
    environment = environment or Shop()
    session = WorldSession(environment, {})
    return McpSession("shop", "1", list_tools(environment), environment.policy, session)


def ask(session: McpSession, method: str, **params: Any) -> Any:
    return session.answer({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


@pytest.mark.parametrize(("wanted", "given"), [(VERSIONS[-1], VERSIONS[-1]), ("1999-01-01", VERSIONS[0])])
def test_a_known_version_is_spoken_and_else_the_newest(wanted: str, given: str) -> None:
    result = ask(make_session(), "initialize", protocolVersion=wanted)["result"]
    assert result["protocolVersion"] == given
    assert result["capabilities"] == {"tools": {}}
    assert result["instructions"] == "You work for a shop."


def test_tools_are_listed_with_their_schemas() -> None:
    tools = {tool["name"]: tool for tool in ask(make_session(), "tools/list")["result"]["tools"]}
    assert list(tools) == ["get_user", "get_order", "cancel_order", "set_city"]
    assert tools["set_city"]["inputSchema"]["required"] == ["order_id", "city"]
    assert tools["get_user"]["annotations"]["readOnlyHint"]
    assert not tools["set_city"]["annotations"]["readOnlyHint"]


def test_a_call_is_answered_with_what_an_agent_sees() -> None:
    session = make_session()
    done = ask(session, "tools/call", name="set_city", arguments={"order_id": "W102", "city": "Rome"})[
        "result"
    ]
    assert "Rome" in done["content"][0]["text"]
    assert not done["isError"]
    refused = ask(session, "tools/call", name="get_order", arguments={"order_id": "W1"})["result"]
    assert refused["isError"]
    assert "there is no" in refused["content"][0]["text"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ([], -32600),
        ({"id": 1, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": [], "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "resources/list"}, -32601),
        ({"jsonrpc": "2.0", "id": 1, "method": ["ping"]}, -32601),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": []}, -32602),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": [1]}, -32602),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "fly"}}, -32602),
        (
            {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {"name": "get_user", "arguments": 3},
            },
            -32602,
        ),
    ],
)
def test_what_cannot_be_answered_is_an_error_with_its_code(message: Any, code: int) -> None:
    response = make_session().answer(message)
    assert response is not None
    assert response["error"]["code"] == code
    assert response["error"]["message"]


def test_notifications_get_no_response() -> None:
    assert make_session().answer({"jsonrpc": "2.0", "method": "notifications/initialized"}) is None


def test_a_file_of_calls_that_is_broken_is_an_error_of_the_server() -> None:
    class Broken:
        def call(self, call: ToolCall) -> Observation:
            raise UnreadableCallsError("line 2: no call")

    session = McpSession("shop", "1", list_tools(Shop()), "", Broken())
    error = ask(session, "tools/call", name="get_user", arguments={})["error"]
    assert (error["code"], error["message"]) == (-32603, "line 2: no call")


def test_lines_are_answered_until_there_are_none() -> None:
    ping = json.dumps({"jsonrpc": "2.0", "id": 7, "method": "ping"})
    source = io.BytesIO(f"{ping}\n\nno JSON\n{'[' * 10**5}\n\xff\n{ping}".encode("latin-1"))
    target = io.BytesIO()
    answer_lines(make_session(), source, target)
    responses = [json.loads(line) for line in target.getvalue().splitlines()]
    assert [r["id"] for r in responses] == [7, None, None, None, 7]
    assert [r["error"]["code"] for r in responses[1:-1]] == [-32700] * 3
