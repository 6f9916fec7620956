"""The agent's grammar for native tool calls: free thought, then one call as JSON, or a reply.

Models write calls as they were trained to: between ``<tool_call>`` tags (Hermes, Qwen), or as one JSON
object that is the whole message (Llama 3.1). Of several calls in one turn the first counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from selfchal.core.world import Json, ToolSpec
from selfchal.rollout.actions import Malformed, Say, parse_turn, unfenced
from selfchal.thoughts import strip_closings, strip_thoughts

ActionFormat = Literal["code", "tools"]  # CodeAct, as in the paper, or one native tool call a turn
CALL, CALL_END = "<tool_call>", "</tool_call>"
_PYTHON_TAG = "<|python_tag|>"
_FORM = f'{CALL}\n{{"name": "<tool>", "arguments": {{"<parameter>": <value>}}}}\n{CALL_END}'


@dataclass(frozen=True)
class Invoke:
    """One tool call, its arguments by name."""

    name: str
    arguments: Mapping[str, Json]


def parse_tool_turn(text: str) -> Invoke | Say | Malformed:
    """What the agent's turn asks for. Text without a call is an answer, or what is said to the user."""
    body = strip_closings(strip_thoughts(text))
    _, tagged, rest = body.partition(CALL)
    if tagged:
        return _read(rest.partition(CALL_END)[0])
    bare = unfenced(body.removeprefix(_PYTHON_TAG)).strip()
    if body.startswith(_PYTHON_TAG):
        return _read(bare)
    call = _find_first_object(bare)
    if isinstance(call, dict) and "name" in call and ("parameters" in call or "arguments" in call):
        return _read(bare)
    if not body:
        return _make_malformed("your reply is empty")
    marked = parse_turn(body)  # the prompt asks for answers after the marker "Answer:"; not all models obey
    return marked if isinstance(marked, Say) else Say(body)


def _find_first_object(text: str) -> Json:
    """The JSON value that the text begins with; None where it begins with none (or with null)."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return value


def _read(text: str) -> Invoke | Malformed:
    call = _find_first_object(unfenced(text).strip())
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return _make_malformed("a tool call is a JSON object with a name and arguments")
    arguments = call.get("arguments", call.get("parameters", {}))
    if isinstance(arguments, str):
        arguments = _find_first_object(arguments)  # some write the object as a string of JSON
    if not isinstance(arguments, dict):
        return _make_malformed("the arguments of a tool call are a JSON object: parameter names and values")
    return Invoke(call["name"], arguments)


def _make_malformed(what: str) -> Malformed:
    return Malformed(f"That is no tool call: {what}. Write\n{_FORM}\nor reply without a call.")


def tool_schema(tool: ToolSpec) -> str:
    """The tool as models with native tool calls are told of it: one line of JSON."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return json.dumps({"type": "function", "function": function}, ensure_ascii=False)
