"""A session of an OpenEnv server: a WebSocket, over which episodes are played by reset and step.

Servers whose actions are MCP's list their tools. Those with actions of their own get one tool, ``step``,
whose parameters are the action's fields.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any, Literal
from urllib.parse import urlsplit

from selfchal.builtin_envs.mcp.connection import (
    Answer,
    ListedTool,
    ServerDiedError,
    ServerTimeoutError,
    read_answer,
)
from selfchal.builtin_envs.remote.contract import RESET
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json

MOST_BYTES = 16 * 2**20  # of one message
STEP = "step"
_OPEN_SECONDS = 10.0
_WAIT_FOR_ROOM_SECONDS = 5.0  # a server with room for one session needs a moment to end the last one
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class OpenEnvConnection:
    """See selfchal.builtin_envs.mcp.connection.Connection. Worlds begin with a new session."""

    def __init__(self, url: str, timeout: float, action: Mapping[str, Json] | None) -> None:
        """``action`` is the JSON schema of the server's actions where they are not MCP's.

        Raises EnvironmentDataError where there is no server, or no room in it.
        """
        self._url, self._timeout, self._action = url, timeout, action
        self._opened = ExitStack()
        self._socket = self._connect()
        self.tools: list[ListedTool] = self._list_tools()

    @property
    def pid(self) -> int | None:
        return None

    def call(self, tool: str, arguments: Mapping[str, Json]) -> Answer:
        if tool == RESET:
            return self._read(self._ask({"type": "reset", "data": {"seed": 0, **arguments}}))
        if self._action is not None:
            return self._read(self._ask({"type": "step", "data": dict(arguments)}))
        action = {"type": "call_tool", "tool_name": tool, "arguments": dict(arguments)}
        return self._read(self._ask({"type": "step", "data": action}))

    def kill(self) -> None:
        with suppress(OSError):
            self._socket.close()

    def close(self) -> None:
        self._opened.close()

    def _connect(self) -> Any:
        """A WebSocket on which the first reset was answered."""
        deadline = time.monotonic() + _WAIT_FOR_ROOM_SECONDS
        while True:
            self._socket = self._opened.enter_context(_open_socket(self._url))
            try:
                answered = self._ask({"type": "reset", "data": {"seed": 0}})
            except (ServerDiedError, ServerTimeoutError) as error:
                raise EnvironmentDataError(f"{self._url} does not begin an episode: {error}") from error
            if answered.get("type") != "error":
                return self._socket
            self._opened.close()
            if _read_error(answered).get("code") != "CAPACITY_REACHED" or time.monotonic() > deadline:
                why = str(_read_error(answered).get("message"))[:300]
                raise EnvironmentDataError(f"{self._url} begins no episode: {why}")
            time.sleep(0.1)

    def _list_tools(self) -> list[ListedTool]:
        if self._action is not None:
            return [ListedTool(STEP, "Take one step in the environment.", self._action, None, None)]
        answered = self._ask({"type": "step", "data": {"type": "list_tools"}})
        listed = _read_observation(answered).get("tools")
        if not isinstance(listed, list):
            why = str(_read_error(answered).get("message"))[:300]
            raise EnvironmentDataError(f"{self._url} lists no tools: {why}")
        return [_describe(tool) for tool in listed if isinstance(tool, dict)]

    def _ask(self, message: Mapping[str, Json]) -> Mapping[str, Json]:
        """The server's answer, an object. Raises ServerDiedError, ServerTimeoutError."""
        from websockets.exceptions import WebSocketException

        try:
            self._socket.send(json.dumps(message))
            answered = json.loads(self._socket.recv(timeout=self._timeout), parse_constant=str)
        except TimeoutError as error:
            raise ServerTimeoutError("no answer in time") from error
        except (WebSocketException, OSError) as error:
            raise ServerDiedError(str(error)) from error
        except (ValueError, RecursionError) as error:
            raise ServerDiedError("it answers with what is no JSON") from error
        if not isinstance(answered, dict):
            raise ServerDiedError("it answers with what is no object")
        return answered

    def _read(self, answered: Mapping[str, Json]) -> Answer:
        """The answer to a reset or a step."""
        if answered.get("type") == "error":
            return Answer(str(_read_error(answered).get("message")), ok=False)
        data, seen = answered.get("data"), _read_observation(answered)
        reward = data.get("reward") if isinstance(data, dict) else None
        known = float(reward) if isinstance(reward, int | float) else None
        value, ok = _read_value(seen)
        return Answer(value, ok, known, isinstance(data, dict) and data.get("done") is True)


def _open_socket(url: str) -> Any:
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    parts = urlsplit(url)
    address = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{parts.path.rstrip('/')}/ws"
    try:
        # a proxy of the network is none for this machine's own addresses
        proxy: Literal[True] | None = None if parts.hostname in _LOOPBACK else True
        return connect(address, open_timeout=_OPEN_SECONDS, max_size=MOST_BYTES, proxy=proxy)
    except (OSError, WebSocketException, TimeoutError) as error:
        raise EnvironmentDataError(
            f"no OpenEnv server answers at {url} ({error}); start it, or mend environment.url"
        ) from error


def _read_observation(answered: Mapping[str, Json]) -> Mapping[str, Json]:
    data = answered.get("data")
    seen = data.get("observation") if isinstance(data, dict) else None
    return seen if isinstance(seen, dict) else {}


def _read_error(answered: Mapping[str, Json]) -> Mapping[str, Json]:
    data = answered.get("data")
    return data if isinstance(data, dict) else {}


def _read_value(seen: Mapping[str, Json]) -> tuple[Json, bool]:
    """What code gets of an observation, and whether the call went well."""
    if "tool_name" not in seen:
        return {name: value for name, value in seen.items() if name != "metadata"}, True
    error, result = seen.get("error"), seen.get("result")
    if isinstance(error, dict):
        return str(error.get("message")), False
    if isinstance(result, dict) and "data" in result and "content" in result:
        if result["data"] is not None and result.get("is_error") is not True:
            return result["data"], True
        # as MCP writes it, by other names
        read = read_answer(
            {
                **result,
                "structuredContent": result.get("structured_content"),
                "isError": result.get("is_error"),
            }
        )
        return read.value, read.ok
    return result, True


def _describe(tool: Mapping[str, Json]) -> ListedTool:
    hints = tool.get("annotations")
    schema = tool.get("input_schema") or tool.get("inputSchema")
    return ListedTool(
        str(tool.get("name")),
        str(tool.get("description") or ""),
        schema if isinstance(schema, dict) else {"type": "object", "properties": {}},
        None,
        hints.get("readOnlyHint") if isinstance(hints, dict) else None,
    )
