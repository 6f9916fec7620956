"""A server that talks more than it is asked: what it prints, and what it asks of its client."""

from __future__ import annotations

import sys

import pytest

from selfchal.builtin_envs.mcp.background import background
from selfchal.builtin_envs.mcp.configuration import ServerEntry
from selfchal.builtin_envs.mcp.pipes import PipeConnection
from selfchal.core.errors import EnvironmentDataError

pytestmark = pytest.mark.slow  # the SDK is imported for the handshake

# Prints for people, tells of its progress, pings and asks for a sample in the middle of a call.
TALKER = """
import json, sys

def say(message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

for line in sys.stdin:
    asked = json.loads(line)
    number, method = asked.get("id"), asked.get("method")
    if method == "initialize":
        say({"id": number, "result": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                                      "serverInfo": {"name": "talker", "version": "1"}}})
    elif method == "tools/list":
        say({"id": number, "result": {"tools": [{"name": "talk", "inputSchema": {"type": "object"}}]}})
    elif method == "tools/call" and asked["params"]["arguments"].get("fail"):
        say({"id": number, "error": {"code": -32000, "message": "I will not"}})
    elif method == "tools/call":
        print("[info] this is no JSON", flush=True)
        print('["nor is this a message"]', flush=True)
        say({"method": "notifications/progress", "params": {}})
        say({"id": "ping-1", "method": "ping"})
        pong = json.loads(sys.stdin.readline())
        say({"id": 10_000, "method": "sampling/createMessage", "params": {}})
        refused = json.loads(sys.stdin.readline())
        content = [{"type": "text", "text": json.dumps([pong["id"], pong["result"], refused["error"]["code"]])}]
        say({"id": number, "result": {"content": content}})
    elif number is not None:
        say({"id": number, "error": {"code": -32601, "message": "no such method"}})
"""


def test_what_a_server_prints_and_asks_does_not_disturb_a_call() -> None:
    entry = ServerEntry("talker", sys.executable, ("-c", TALKER))
    connection = PipeConnection(entry, background().make_folder(), 20.0)
    try:
        assert [tool.name for tool in connection.tools] == ["talk"]
        for _ in range(3):
            answer = connection.call("talk", {})
            assert answer.value == ["ping-1", {}, -32601]
        refused = connection.call("talk", {"fail": True})
        assert (refused.ok, refused.value) == (False, "I will not")
    finally:
        connection.close()
    assert not connection.folder.exists()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (ServerEntry("a", sys.executable, ("-c", "raise SystemExit('no licence')")), "it wrote: no licence"),
        (ServerEntry("b", sys.executable, cwd="/no/such/folder"), "its cwd /no/such/folder is no directory"),
        (ServerEntry("c", "no-such-program"), "there is no program 'no-such-program'"),
    ],
)
def test_a_server_that_does_not_come_up_leaves_nothing_and_says_why(entry: ServerEntry, said: str) -> None:
    folder = background().make_folder()
    with pytest.raises(EnvironmentDataError, match=said):
        PipeConnection(entry, folder, 20.0)
    assert not folder.exists()


def test_a_variable_of_any_name_reaches_the_server() -> None:
    say = "import os, sys; sys.exit(os.environ['npm_config_//registry/:_token'])"
    entry = ServerEntry("shy", sys.executable, ("-c", say), {"npm_config_//registry/:_token": "is here"})
    with pytest.raises(EnvironmentDataError, match="it wrote: is here"):
        PipeConnection(entry, background().make_folder(), timeout=10)
