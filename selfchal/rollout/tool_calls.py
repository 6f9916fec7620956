"""The agent's grammar for native tool calls: free thought, then calls of tools, or a reply.

Models write calls as they were trained to (``selfchal.rollout.call_formats``). Several calls of one turn are
made one after the other. What looks like a call and cannot be read gets a reminder: it is never an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from selfchal.core.world import Json, ToolSpec
from selfchal.rollout.actions import Malformed, Say, parse_turn, unfenced
from selfchal.rollout.call_formats import (
    MOST_CALLS,
    CallError,
    WrittenCall,
    read_json_calls,
    read_marked,
    read_python_calls,
)
from selfchal.thoughts import is_thinking, strip_closings, strip_thoughts

ActionFormat = Literal["code", "tools"]  # CodeAct, as in the paper, or native tool calls
STOPS = ("<tool_response>",)  # a model that goes on after its calls makes their answers up
CALL, CALL_END = "<tool_call>", "</tool_call>"
_PYTHON_TAG = "<|python_tag|>"
_FORM = f'{CALL}\n{{"name": "<tool>", "arguments": {{"<parameter>": <value>}}}}\n{CALL_END}'
# Bare JSON that is meant as a call, readable or not; and calls in a list as Python writes it.
_BARE_CALL = re.compile(r'\[?\s*\{\s*"(?:name|tool_calls|function)"\s*:|\[?\s*\{\s*"type"\s*:\s*"function"')
_BARE_LIST = re.compile(r"\[\s*[A-Za-z_][\w.]*\(")


@dataclass(frozen=True)
class Invoke:
    """One tool call, its arguments by name."""

    name: str
    arguments: Mapping[str, Json]


@dataclass(frozen=True)
class Invocations:
    """The calls of one turn, in order; there is at least one."""

    calls: tuple[Invoke, ...]


def parse_tool_turn(text: str, tools: Sequence[ToolSpec] = ()) -> Invocations | Say | Malformed:
    """What the agent's turn asks for. Text without a call is an answer, or what is said to the user.

    ``tools`` say which types arguments have that are written as text, and which names those have that are
    written without one.
    """
    body = strip_closings(strip_thoughts(text))
    try:
        calls = _read_calls(body)
        if calls:
            return Invocations(tuple(_resolve(call, tools) for call in calls))
    except CallError as error:
        return _make_malformed(str(error))
    if not body:
        return _make_malformed(
            "your reply ended before its thought did" if is_thinking(text) else "it is empty"
        )
    marked = parse_turn(body)  # the prompt asks for answers after the marker "Answer:"; not all models obey
    return marked if isinstance(marked, Say) else Say(body)


def _read_calls(body: str) -> list[WrittenCall] | None:
    """None where nothing looks like a call. Raises CallError."""
    marked = read_marked(body)
    if marked is not None:
        return marked
    bare = unfenced(body.removeprefix(_PYTHON_TAG)).strip()
    if _BARE_CALL.match(bare):
        return list(islice(read_json_calls(bare), MOST_CALLS))
    if body.startswith(_PYTHON_TAG) or _BARE_LIST.match(bare):
        return list(islice(read_python_calls(bare), MOST_CALLS))
    return None


def _resolve(call: WrittenCall, tools: Sequence[ToolSpec]) -> Invoke:
    """The call with all arguments by name, each of its parameter's type. Raises CallError."""
    name = call.name.removeprefix("functions.")
    spec = next((tool for tool in tools if tool.name == name), None)
    properties: Mapping[str, Json] = spec.parameters.get("properties", {}) if spec else {}
    if len(call.placed) > len(properties):
        raise CallError(
            f"{name} takes {len(properties)} arguments, and {len(call.placed)} were given without names"
        )
    by_place = dict(zip(properties, call.placed, strict=False))
    typed = {key: _read_text(text, properties.get(key, {})) for key, text in call.texts.items()}
    return Invoke(name, {**by_place, **call.named, **typed})


def _read_text(text: str, schema: Json) -> Json:
    """A text stays one where the parameter takes texts; elsewhere it is read as JSON where it is JSON."""
    if isinstance(schema, dict) and schema.get("type") == "string":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _make_malformed(what: str) -> Malformed:
    return Malformed(f"That is no tool call: {what}. Write\n{_FORM}\nor reply without a call.")


def tool_schema(tool: ToolSpec) -> str:
    """The tool as models with native tool calls are told of it: one line of JSON."""
    return json.dumps(make_tool_schema(tool), ensure_ascii=False)


def make_tool_schema(tool: ToolSpec) -> dict[str, Json]:
    """The tool in the form that chat templates and endpoints take."""
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}
