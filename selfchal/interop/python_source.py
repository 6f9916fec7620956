"""Tools as Python source, for programs that read a tool off a function: its name, types and docstring."""

from __future__ import annotations

import keyword
from collections.abc import Mapping, Sequence
from textwrap import indent

from selfchal.core.errors import PluginError
from selfchal.core.world import Json, ToolSpec

_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
# What the methods need in their module.
DROP_MISSING = '''\
def _drop_missing(arguments: dict[str, Any], optional: tuple[str, ...]) -> dict[str, Any]:
    """The arguments without optional ones that were not given."""
    return {name: value for name, value in arguments.items() if value is not None or name not in optional}
'''
_METHOD = '''\
def {name}(self{parameters}) -> str:
    """{description}
{arguments}    """
    return self._player.call({name!r}, _drop_missing({{{given}}}, {optional!r}))
'''


def write_methods(tools: Sequence[ToolSpec], reserved: frozenset[str], decorator: str = "") -> str:
    """A method for each tool, which calls it by ``self._player``; each has the ``decorator``.

    Raises PluginError for a tool or parameter that is no Python name, or is one of the ``reserved`` names.
    """
    for tool in tools:
        for name in (tool.name, *tool.parameters["properties"]):
            if not name.isidentifier() or keyword.iskeyword(name) or name == "self":
                raise PluginError(
                    f"tool {tool.name!r}: {name!r} is no name in Python, so it cannot be a method"
                )
        if tool.name in reserved or tool.name.startswith("_"):
            raise PluginError(f"tool {tool.name!r} has a name that a trainer uses itself; rename it")
    return "\n".join(indent(decorator + _write_method(tool), "    ") for tool in tools)


def _write_method(tool: ToolSpec) -> str:
    properties: Mapping[str, Json] = tool.parameters["properties"]
    required = [name for name in properties if name in tool.parameters.get("required", ())]
    optional = [name for name in properties if name not in required]
    parameters = [f"{name}: {write_type(properties[name])}" for name in required]
    parameters += [f"{name}: {write_type(properties[name])} | None = None" for name in optional]
    lines = [
        f"        {name}: {_write_description(properties[name], name)}\n" for name in (*required, *optional)
    ]
    return _METHOD.format(
        name=tool.name,
        parameters="".join(f", {one}" for one in parameters),
        description=_escape(" ".join(tool.description.split()) or tool.name),
        arguments=f"\n    Args:\n{''.join(lines)}" if lines else "",
        given=", ".join(f"{name!r}: {name}" for name in properties),
        optional=tuple(optional),
    )


def _write_description(schema: Json, name: str) -> str:
    text = schema.get("description", "") if isinstance(schema, dict) else ""
    return _escape(" ".join(text.split()) or name)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', "'")


def write_type(schema: Json) -> str:
    """A JSON schema as a Python type; objects are ``dict[str, Any]``."""
    if not isinstance(schema, dict):
        return "Any"
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return " | ".join(dict.fromkeys(map(write_type, options)))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(write_type({**schema, "type": one}) for one in kind)
    if kind == "array":
        return f"list[{write_type(schema.get('items'))}]"
    return "dict[str, Any]" if kind == "object" else _TYPES.get(str(kind), "Any")
