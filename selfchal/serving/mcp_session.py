"""The Model Context Protocol's side of a session: a JSON-RPC message in, the response to it out.

Only tools are served, so a few methods are all that there is, and the light base can do without the SDK: an
exported task starts its server in a container that has no other package. Clients of every protocol version
with an ``initialize`` are understood; newer ones fall back to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from selfchal.core.errors import SelfchalError
from selfchal.core.world import Json, ToolSpec
from selfchal.serving.session import Observation, ToolCall
from selfchal.serving.strict_json import read_json

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")  # the newest first
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND = -32700, -32600, -32601
INVALID_PARAMS, INTERNAL_ERROR = -32602, -32603

Message = dict[str, Json]


class Caller(Protocol):
    """What answers the calls of a session."""

    def call(self, call: ToolCall) -> Observation: ...


class RequestError(Exception):
    """A request that is answered with an error of this JSON-RPC code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class McpSession:
    """One client's conversation. Not thread-safe.

    ``instructions`` tells the client what the server is for: the environment's policy.
    """

    def __init__(
        self, name: str, version: str, tools: Sequence[ToolSpec], instructions: str, caller: Caller
    ) -> None:
        self._info = {"name": name, "version": version}
        self._tools = {tool.name: tool for tool in tools}
        self._instructions = instructions
        self._caller = caller
        self._methods: dict[str, Callable[[Message], Json]] = {
            "initialize": self._initialize,
            "ping": lambda params: {},
            "tools/list": self._list_tools,
            "tools/call": self._call_tool,
        }

    def answer(self, message: Json) -> Message | None:
        """The response to a message; None to a notification or a response, which get none."""
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            return make_error(None, INVALID_REQUEST, "a message is one JSON-RPC 2.0 object")
        if "method" not in message or "id" not in message:
            return None
        number, params = message["id"], message.get("params") or {}
        if isinstance(number, bool) or not isinstance(number, str | int):
            return make_error(None, INVALID_REQUEST, "an id is a text or a whole number")
        try:
            result = self._answer_request(message["method"], params)
        except RequestError as error:
            return make_error(number, error.code, str(error))
        except SelfchalError as error:
            return make_error(number, INTERNAL_ERROR, str(error))
        return {"jsonrpc": "2.0", "id": number, "result": result}

    def _answer_request(self, method: Json, params: Json) -> Json:
        answer = self._methods.get(method) if isinstance(method, str) else None
        if answer is None:
            raise RequestError(METHOD_NOT_FOUND, f"there is no method {method!r} here; this server has tools")
        if not isinstance(params, dict):
            raise RequestError(INVALID_PARAMS, "params is an object")
        return answer(params)

    def _initialize(self, params: Message) -> Json:
        wanted = params.get("protocolVersion")
        return {
            "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
            "capabilities": {"tools": {}},
            "serverInfo": self._info,
            **({"instructions": self._instructions} if self._instructions else {}),
        }

    def _list_tools(self, params: Message) -> Json:
        return {"tools": [describe_tool(tool) for tool in self._tools.values()]}

    def _call_tool(self, params: Message) -> Json:
        name, arguments = params.get("name"), params.get("arguments") or {}
        if not isinstance(name, str) or name not in self._tools:
            raise RequestError(
                INVALID_PARAMS, f"there is no tool {name!r}; there are: {', '.join(self._tools)}"
            )
        if not isinstance(arguments, dict):
            raise RequestError(INVALID_PARAMS, "arguments is an object")
        seen = self._caller.call(ToolCall(name, arguments))
        return {"content": [{"type": "text", "text": seen.text}], "isError": not seen.ok}


def describe_tool(tool: ToolSpec) -> Json:
    """The tool as ``tools/list`` shows it."""
    return {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": dict(tool.parameters),
        "annotations": {"readOnlyHint": tool.only_reads},
    }


def make_error(number: Json, code: int, message: str) -> Message:
    """The response that says why a request was not answered."""
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}


def parse_message(line: bytes) -> Json:
    """The message in these bytes. Raises ValueError where they are no JSON."""
    return read_json(line)
