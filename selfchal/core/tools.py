"""Tools from typed Python functions: name, JSON schema and description out of signature and docstring.

The docstring is Google style: a summary, then ``Args:`` with one ``name: text`` a line.
Arguments are checked against the schema's names and copied on entry, so that no caller's list ends
up inside a world.
"""

from __future__ import annotations

import copy
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from selfchal.core.world import Json, ToolResult, ToolSpec

_SCALARS: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
_ARG_LINE = re.compile(r"^\s{2,}\*?(\w+)(?:\s*\([^)]*\))?:\s*(.*)$")


@dataclass(frozen=True)
class Tool:
    """A tool's schema and the function behind it. The function's first parameter may be a world:
    then ``bound`` says so, and the schema leaves it out."""

    spec: ToolSpec
    function: Callable[..., Any]
    bound: bool = False

    def call(self, world: Any, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        """Call it. What it raises becomes a result that raises in the calling code; nothing escapes."""
        own_args, own_kwargs = copy.deepcopy((list(args), dict(kwargs)))
        lead = (world,) if self.bound else ()
        try:
            return ToolResult(self.function(*lead, *own_args, **own_kwargs))
        except (Exception, SystemExit) as error:  # noqa: BLE001 — what a tool raises is an observation (CONTRIBUTING.md#invariant-3)
            return ToolResult(f"{type(error).__name__}: {error}", ok=False, raises=True)


def tool(
    function: Callable[..., Any], *, writes: bool = False, ends_episode: bool = False, bound: bool = False
) -> Tool:
    """Make a Tool of a typed, documented function.

    Raises TypeError for a parameter without a type that JSON knows.
    """
    summary, documented = _read_docstring(function)
    hints = typing.get_type_hints(function)
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1 if bound else 0 :]
    properties: dict[str, Json] = {}
    required = []
    for parameter in parameters:
        schema = json_schema(hints.get(parameter.name, Any), f"{function.__name__}.{parameter.name}")
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            schema = {"type": "array", "items": schema}
        if parameter.name in documented:
            schema["description"] = documented[parameter.name]
        properties[parameter.name] = schema
        if parameter.default is inspect.Parameter.empty and parameter.kind not in _VARIADIC:
            required.append(parameter.name)
    spec = ToolSpec(
        name=function.__name__,
        description=summary,
        signature=f"{function.__name__}{_format_call(signature, parameters)}",
        parameters={"type": "object", "properties": properties, "required": required},
        writes=writes,
        ends_episode=ends_episode,
    )
    return Tool(spec, function, bound)


_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def json_schema(hint: Any, where: str = "") -> dict[str, Json]:
    """JSON schema of a type hint made of scalars, Literal, list, dict, TypedDict, tuple, unions and Any."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return {}
    if hint in _SCALARS:
        return {"type": _SCALARS[hint]}
    if origin is Literal:
        return {"type": _SCALARS[type(args[0])], "enum": list(args)}
    if hint in (list, tuple) or origin in (list, tuple, Sequence):
        return {"type": "array", **({"items": json_schema(args[0], where)} if args else {})}
    if typing.is_typeddict(hint):
        parts = {name: json_schema(part, where) for name, part in typing.get_type_hints(hint).items()}
        return {"type": "object", "properties": parts, "required": sorted(hint.__required_keys__)}
    if hint is dict or origin in (dict, Mapping):
        return {"type": "object"}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [json_schema(arg, where) for arg in args]}
    raise TypeError(f"{where}: {hint!r} has no JSON schema; use str, int, float, bool, list, dict or Literal")


def _format_call(signature: inspect.Signature, parameters: Sequence[inspect.Parameter]) -> str:
    text = str(signature.replace(parameters=parameters))
    return text.replace("'", "") if "'" in text else text


def _read_docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    lines = (inspect.getdoc(function) or "").splitlines()
    heads = [i for i, line in enumerate(lines) if line.strip() in ("Args:", "Returns:", "Raises:")]
    summary = " ".join(line.strip() for line in lines[: heads[0] if heads else None]).strip()
    documented: dict[str, str] = {}
    name = ""
    for line in lines[heads[0] :] if heads and lines[heads[0]].strip() == "Args:" else []:
        match = _ARG_LINE.match(line)
        if line.strip() in ("Returns:", "Raises:"):
            break
        if match:
            name = match.group(1)
            documented[name] = match.group(2)
        elif name and line.strip():
            documented[name] += f" {line.strip()}"
    return summary, documented
