"""The call form of a tool as a reader would write it: with the values that are passed, not with class names.

lend(title: str, until: 'YYYY-MM-DD', kind: Literal['paper', 'audio'] = 'paper') -> {'fee': float}
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from selfchal.core.world import Json

_NAMES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
# How texts of these formats are written, for a call form.
FORMATS = {
    "date": "'YYYY-MM-DD'",
    "date-time": "'YYYY-MM-DDTHH:MM:SS'",
    "time": "'HH:MM:SS'",
    "duration": "'PT1H30M'",
}


def write_signature(
    name: str,
    parameters: Sequence[inspect.Parameter],
    schemas: Mapping[str, Mapping[str, Json]],
    defaults: Mapping[str, Json],
    returned: Mapping[str, Json] | None,
) -> str:
    """The call form. ``schemas`` and ``defaults`` are by parameter; ``returned`` is None where nothing says
    what the tool gives. A variadic parameter's schema is that of one of its values."""
    parts: list[str] = []
    kinds = [parameter.kind for parameter in parameters]
    for i, parameter in enumerate(parameters):
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not _opens_keywords(kinds[:i]):
            parts.append("*")
        star = "*" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else ""
        parts.append(f"{star}{parameter.name}: {write_type(schemas[parameter.name])}")
        if parameter.default is not inspect.Parameter.empty:
            parts[-1] += f" = {defaults[parameter.name]!r}" if parameter.name in defaults else " = ..."
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and kinds[i + 1 : i + 2] != [parameter.kind]:
            parts.append("/")
    arrow = "" if returned is None else f" -> {write_type(returned)}"
    return f"{name}({', '.join(parts)}){arrow}"


def _opens_keywords(before: Sequence[Any]) -> bool:
    return inspect.Parameter.VAR_POSITIONAL in before or inspect.Parameter.KEYWORD_ONLY in before


def write_type(schema: Mapping[str, Json]) -> str:
    """A schema in Python's notation. An object of named parts is written as one: ``{'lat': float}``."""
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(write_type(option) for option in schema["anyOf"]))
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    kind = schema.get("type")
    if kind == "array":
        return _write_array(schema)
    if kind == "object":
        return _write_object(schema)
    if kind == "string":
        return FORMATS.get(schema.get("format", ""), "str")
    return _NAMES.get(str(kind), "Any")


def _write_array(schema: Mapping[str, Json]) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(map(write_type, schema['prefixItems']))}]"
    return f"list[{write_type(schema['items'])}]" if schema.get("items") else "list"


def _write_object(schema: Mapping[str, Json]) -> str:
    if schema.get("properties"):
        parts = [f"{name!r}: {write_type(part)}" for name, part in schema["properties"].items()]
        return "{" + ", ".join(parts) + "}"
    values = schema.get("additionalProperties")
    return f"dict[str, {write_type(values) if isinstance(values, Mapping) and values else 'Any'}]"
