"""From a tool as a server lists it to one that agents call in Python: its name, call form, and arguments."""

from __future__ import annotations

import builtins
import functools
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfchal.builtin_envs.mcp.connection import ListedTool
from selfchal.core.world import Json, ToolSpec
from selfchal.tools.signatures import FORMATS

_TYPES = {"integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_CODES_OWN = frozenset({*dir(builtins), "evaluate"})  # Python's names, and that of a task's verifier
_DEEPEST = 4  # levels of objects that a call form shows


@dataclass(frozen=True)
class OfferedTool:
    """A tool under the name that agents use. ``fixed`` are the arguments that are given with every call."""

    spec: ToolSpec
    server: str
    listed: ListedTool
    fixed: Mapping[str, Json]
    find_fault: Callable[[Mapping[str, Json]], str | None]

    def bind(self, args: Sequence[Json], kwargs: Mapping[str, Json]) -> dict[str, Json] | str:
        """The arguments by name, or what is wrong with them."""
        names = list(self.spec.parameters["properties"])
        form = f"call it as {self.spec.signature}"
        if len(args) > len(names):
            return f"{self.spec.name} takes at most {len(names)} arguments, not {len(args)}; {form}"
        given = dict(zip(names, args, strict=False))
        if twice := given.keys() & kwargs.keys():
            return f"{self.spec.name} got {', '.join(sorted(twice))} twice; {form}"
        given |= kwargs
        unknown = given.keys() - set(names)
        if unknown and not self.spec.parameters.get("additionalProperties"):
            return f"{self.spec.name} has no parameter {sorted(unknown)[0]!r}; {form}"
        fault = self.find_fault(given)
        return f"{self.spec.name}: {fault}; {form}" if fault else {**given, **self.fixed}


def offer(listed: ListedTool, server: str, name: str, fixed: Mapping[str, Json], writes: bool) -> OfferedTool:
    """The tool as agents are told of it, without the arguments that are fixed."""
    schema = dict(listed.schema)
    schema.pop("$schema", None)
    properties = {key: part for key, part in schema.get("properties", {}).items() if key not in fixed}
    required = [key for key in schema.get("required", []) if key in properties]
    # those that must be given come first, as in Python
    ordered = {key: properties[key] for key in (*required, *(k for k in properties if k not in required))}
    parameters = {**schema, "type": "object", "properties": ordered, "required": required}
    spec = ToolSpec(
        name=name,
        description=" ".join(listed.description.split()) or listed.name,
        signature=f"{name}{_format_parameters(parameters)} -> {_format_result(listed)}",
        parameters=parameters,
        writes=writes,
    )
    return OfferedTool(spec, server, listed, fixed, _make_check(parameters))


def choose_name(tool: str, server: str, taken: Sequence[str]) -> str:
    """A Python name. The server's comes before it where the tool's is taken, or is one that code uses."""
    name = _as_identifier(tool)
    if name in taken or keyword.iskeyword(name) or name in _CODES_OWN:
        name = f"{_as_identifier(server)}_{name}"
    return name


def _as_identifier(text: str) -> str:
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "tool"
    return f"_{name}" if name[0].isdigit() else name


def _format_parameters(parameters: Mapping[str, Json]) -> str:
    required = set(parameters["required"])
    texts = [
        f"{key}: {format_type(part, parameters)}" + ("" if key in required else f" = {part.get('default')!r}")
        for key, part in parameters["properties"].items()
    ]
    return f"({', '.join(texts)})"


def _format_result(listed: ListedTool) -> str:
    if listed.output_schema is None:
        return "Any"
    parts = listed.output_schema.get("properties", {})
    wrapped = parts["result"] if parts.keys() == {"result"} else listed.output_schema
    return format_type(wrapped, listed.output_schema)


def format_type(schema: Json, root: Mapping[str, Json], depth: int = 0) -> str:
    """A JSON schema in the form of a Python type, objects with their keys: ``list[{'name': str}]``."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return "Any"
    if "$ref" in schema:
        return format_type(resolve(schema["$ref"], root), root, depth + 1)
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return " | ".join(dict.fromkeys(format_type(option, root, depth + 1) for option in options))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(format_type({**schema, "type": one}, root, depth) for one in kind)
    if kind == "array":
        return f"list[{format_type(schema['items'], root, depth + 1)}]" if schema.get("items") else "list"
    if kind == "object" and schema.get("properties"):
        parts = schema["properties"].items()
        return "{" + ", ".join(f"{key!r}: {format_type(part, root, depth + 1)}" for key, part in parts) + "}"
    if kind == "string":
        return FORMATS.get(schema.get("format", ""), "str")
    return "dict" if kind == "object" else _TYPES.get(str(kind), "Any")


def resolve(reference: str, root: Mapping[str, Json]) -> Json:
    """What a reference within the schema names."""
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part, {}) if isinstance(found, dict) else {}
    return found


def _make_check(parameters: Mapping[str, Json]) -> Callable[[Mapping[str, Json]], str | None]:
    """A function that says what is wrong with arguments by name, and None where nothing is."""

    @functools.cache
    def make() -> Any:
        from jsonschema.validators import validator_for  # comes with the SDK

        return validator_for(parameters)(parameters)

    def find_fault(given: Mapping[str, Json]) -> str | None:
        error = next(iter(make().iter_errors(dict(given))), None)
        if error is None:
            return None
        where = ".".join(map(str, error.path))
        return f"{where}: {error.message}"[:300] if where else str(error.message)[:300]

    return find_fault
