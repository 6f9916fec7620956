"""OpenEnv's messages: those of its WebSocket, the JSON-RPC of its ``mcp`` addresses, and its schemas."""

from __future__ import annotations

from collections.abc import Callable

from selfchal.core.errors import SelfchalError
from selfchal.core.world import Json
from selfchal.serving.mcp_session import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    Message,
    make_error,
)
from selfchal.serving.openenv_session import OpenEnvSession
from selfchal.serving.openenv_tasks import ActionError
from selfchal.serving.strict_json import read_json

CREATE, CLOSE = "openenv/session/create", "openenv/session/close"
_METADATA = {"metadata": {"type": "object"}}
_TOOL_ERROR = {"type": ["object", "null"], "properties": {"error_type": {"type": "string"}}}
SCHEMAS: Json = {
    "action": {
        "title": "CallToolAction",
        "type": "object",
        "properties": {
            "type": {"const": "call_tool", "default": "call_tool"},
            "tool_name": {"type": "string"},
            "arguments": {"type": "object"},
            **_METADATA,
        },
        "required": ["tool_name"],
        "additionalProperties": False,
    },
    "observation": {
        "title": "CallToolObservation",
        "type": "object",
        "properties": {"tool_name": {"type": "string"}, "result": {}, "error": _TOOL_ERROR, **_METADATA},
        "required": ["tool_name"],
    },
    "reset_observation": {
        "title": "ResetObservation",
        "type": "object",
        "properties": {"text": {"type": "string"}, "instruction": {"type": ["string", "null"]}, **_METADATA},
    },
    "state": {
        "title": "State",
        "type": "object",
        "properties": {
            "episode_id": {"type": "string"},
            "step_count": {"type": "integer"},
            "task": {"type": ["string", "null"]},
        },
    },
}


def answer_text(session: OpenEnvSession, name: str, text: str | bytes) -> Message | None:
    """The response to a message of a WebSocket; None where it closes the session, whose id is ``name``."""
    try:
        message = read_json(text)
    except ValueError as error:
        return make_ws_error(f"Invalid JSON: {error}", "INVALID_JSON")
    if not isinstance(message, dict) or not isinstance(message.get("data", {}), dict):
        return make_ws_error("a message is an object with type and data", "VALIDATION_ERROR")
    kind, data = message.get("type"), message.get("data", {})
    if kind == "close":
        return None
    kinds: dict[Json, Callable[[], Message]] = {
        "reset": lambda: {"type": "observation", "data": session.reset(data)},
        "step": lambda: {"type": "observation", "data": session.step(data)},
        "state": lambda: {"type": "state", "data": session.state},
        "mcp": lambda: {"type": "mcp", "data": answer_own_rpc(session, name, data)},
    }
    if not isinstance(kind, str) or kind not in kinds:
        return make_ws_error(f"Unknown message type: {kind!r:.80}", "UNKNOWN_TYPE")
    try:
        return kinds[kind]()
    except ActionError as error:
        return make_ws_error(str(error), "VALIDATION_ERROR")
    except SelfchalError as error:
        return make_ws_error(str(error), "EXECUTION_ERROR")


def make_ws_error(message: str, code: str) -> Message:
    return {"type": "error", "data": {"message": message, "code": code}}


def answer_own_rpc(session: OpenEnvSession, name: str, message: Json) -> Message:
    """The response to a JSON-RPC message that came over the session's own WebSocket."""
    fault = find_rpc_fault(message)
    if fault is not None:
        return fault
    number = message.get("id")
    if message["method"] == CREATE:
        return make_result(number, {"session_id": name})
    if message["method"] == CLOSE:
        return make_error(number, INVALID_REQUEST, "a WebSocket's own session ends with the WebSocket")
    return answer_rpc(session, message)


def answer_rpc(session: OpenEnvSession, message: Message) -> Message:
    """The response to ``tools/list`` or ``tools/call``; other methods are refused."""
    number, params = message.get("id"), message.get("params") or {}
    if message["method"] == "tools/list":
        return make_result(number, {"tools": session.tools})
    if message["method"] != "tools/call":
        return make_error(number, METHOD_NOT_FOUND, f"there is no method {message['method']!r:.80}")
    name, arguments = params.get("name"), params.get("arguments") or {}
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return make_error(number, INVALID_PARAMS, "name is a text, and arguments is an object")
    result, error = session.call(name, arguments)
    return (
        make_result(number, result) if error is None else make_error(number, INTERNAL_ERROR, error["message"])
    )


def find_rpc_fault(message: Json) -> Message | None:
    """The refusal of what is no JSON-RPC request; None where it is one."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return make_error(None, INVALID_REQUEST, "a message is one JSON-RPC 2.0 object")
    number = message.get("id")
    if not isinstance(message.get("method"), str) or not isinstance(message.get("params") or {}, dict):
        return make_error(number, INVALID_REQUEST, "a request has a method, and params, which is an object")
    return None


def make_result(number: Json, result: Json) -> Message:
    return {"jsonrpc": "2.0", "id": number, "result": result}
