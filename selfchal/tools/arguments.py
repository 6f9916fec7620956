"""The arguments of a tool call: bound to the function's parameters, checked, and given the declared types.

A variadic parameter (``*args``) may also be given by its name, as a list, and one that is positional only by
its name: that is how a native tool call, which has no positional arguments, writes them.
"""

from __future__ import annotations

import copy
import functools
import inspect
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from selfchal.core.world import Json, ToolSpec

# Tools are called by the thousand, and inspect takes its time.
_signature = functools.lru_cache(maxsize=4096)(inspect.signature)


@functools.lru_cache(maxsize=4096)
def _read_form(function: Callable[..., Any]) -> _Form:
    parameters = list(_signature(function).parameters.values())
    plain = all(p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for p in parameters)
    fresh = tuple(p.name for p in parameters if _is_changeable(p.default))
    variadic = next((p.name for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL), None)
    needed = frozenset(p.name for p in parameters if p.default is inspect.Parameter.empty)
    nameless = tuple(p.name for p in parameters if p.kind is inspect.Parameter.POSITIONAL_ONLY)
    names = tuple(p.name for p in parameters)
    return _Form(names, frozenset(names), needed, plain, nameless, variadic, fresh)


def _is_changeable(default: Any) -> bool:
    """Lists, dicts, dataclasses: what Python refuses to hash, because it may change."""
    try:
        hash(default)
    except TypeError:
        return True
    return False


class _Form(NamedTuple):
    """The parameters of a function: ``plain`` where each may be given by place or by name; ``nameless`` are
    those that Python takes by place alone."""

    names: tuple[str, ...]
    known: frozenset[str]  # the names once more
    needed: frozenset[str]
    plain: bool
    nameless: tuple[str, ...]
    variadic: str | None
    fresh: tuple[str, ...]  # those whose default can be changed, so that each call needs its own

    def bound(self, args: Sequence[Json], kwargs: Mapping[str, Json]) -> dict[str, Json] | None:
        """The arguments by name, in any order, where that is simple and right; else None, and inspect may say
        why."""
        if not self.plain or len(args) > len(self.names):
            return None
        given = {**dict(zip(self.names, args, strict=False)), **kwargs}
        right = (
            len(given) == len(args) + len(kwargs)
            and self.needed <= given.keys()
            and self.known.issuperset(given)
        )
        return given if right else None


def spread(
    function: Callable[..., Any], args: Sequence[Json], kwargs: Mapping[str, Json]
) -> tuple[tuple[Json, ...], dict[str, Json]]:
    """The same call with the arguments put in their places that Python takes by place alone.

    Calls that give none of these by name come back as they are.
    """
    form = _read_form(function)
    variadic = form.variadic if isinstance(kwargs.get(form.variadic or ""), list | tuple) else None
    if variadic is None and kwargs.keys().isdisjoint(form.nameless):
        return tuple(args), dict(kwargs)
    rest = {name: value for name, value in kwargs.items() if name != variadic}
    before = form.names[: form.names.index(variadic)] if variadic else form.nameless
    lead = [rest.pop(name) for name in before[len(args) :] if name in rest]
    return (*args, *lead, *(kwargs[variadic] if variadic else ())), rest


class ArgumentError(ValueError):
    """Arguments that do not fit; the text is a sentence for whoever made the call."""


def bind_arguments(
    function: Callable[..., Any],
    spec: ToolSpec,
    converters: Mapping[str, TypeAdapter[Any]],
    args: Sequence[Any],
    kwargs: Mapping[str, Json],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments as the function takes them; those with a converter as the type that it declares.

    Raises ArgumentError.
    """
    given, named = spread(function, args, kwargs)
    problem = find_mismatch(function, spec, given, named, converters)
    if problem:
        raise ArgumentError(problem)
    form = _read_form(function)
    if not converters and not form.fresh:
        return given, named
    bound = _signature(function).bind(*given, **named)
    variadic = form.variadic
    for name, adapter in converters.items():
        if name not in bound.arguments:
            continue
        value = bound.arguments[name]
        if name == variadic:
            bound.arguments[name] = tuple(_convert(spec, name, adapter, one) for one in value)
        else:
            bound.arguments[name] = _convert(spec, name, adapter, value)
    for name in form.fresh:
        if name not in bound.arguments:
            bound.arguments[name] = copy.deepcopy(_signature(function).parameters[name].default)
    return bound.args, bound.kwargs


def _convert(spec: ToolSpec, name: str, adapter: TypeAdapter[Any], value: Json) -> Any:
    """The JSON value as the declared type. As with the plain types, no text is taken for a number."""
    try:
        return adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in (name, *first["loc"]))
        told = first["msg"][:1].lower() + first["msg"][1:]
        raise ArgumentError(f"{spec.name}: {where}: {told}, not {_format_value(first['input'])}") from None


def find_mismatch(
    function: Callable[..., Any],
    spec: ToolSpec,
    args: Sequence[Json],
    kwargs: Mapping[str, Json],
    converted: Collection[str] = (),
) -> str | None:
    """What is wrong with the arguments, as a sentence; None when they fit the signature and the schema.

    The values of the parameters in ``converted`` are not looked at."""
    form = _read_form(function)
    bound: Mapping[str, Json] | None = form.bound(args, kwargs)
    try:
        bound = _signature(function).bind(*args, **kwargs).arguments if bound is None else bound
    except TypeError as error:
        return f"{spec.name}: {error}; call it as {spec.signature}"
    properties: Mapping[str, Mapping[str, Json]] = spec.parameters["properties"]
    for name in form.names:
        if name not in bound or name in converted:
            continue
        value, schema = bound[name], properties.get(name, _ANYTHING)
        given = list(value) if isinstance(value, tuple) else value
        if not fits(given, schema):
            return f"{spec.name}: {name} must be {_describe_type(schema)}, not {_format_value(given)}"
    return None


_ANYTHING: Mapping[str, Json] = {}


def fits(value: Json, schema: Mapping[str, Json]) -> bool:
    """Is the value of the schema's type (and among its ``enum``)? Knows the schemas of plain types."""
    if "anyOf" in schema:
        return any(fits(value, option) for option in schema["anyOf"])
    if "enum" in schema:
        return any(value == known and type(value) is type(known) for known in schema["enum"])
    kind = schema.get("type")
    if kind == "string":  # most are
        return isinstance(value, str)
    if kind == "array":
        items = schema.get("items", {})
        return isinstance(value, list) and all(fits(item, items) for item in value)
    if kind == "object" and isinstance(value, dict):
        return set(value) >= set(schema.get("required", ())) and all(
            fits(value[name], part) for name, part in schema.get("properties", {}).items() if name in value
        )
    if isinstance(value, bool):
        return kind in (None, "boolean")
    return kind is None or isinstance(value, _TYPES[kind])


_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "object": (dict,),
}
_NAMES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "object": "an object",
}


def _describe_type(schema: Mapping[str, Json]) -> str:
    if "anyOf" in schema:
        return " or ".join(_describe_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(map(repr, schema["enum"]))
    if schema.get("type") == "array":
        items = schema.get("items", {})
        return f"a list of values that are each {_describe_type(items)}" if items else "a list"
    if schema.get("required"):
        return f"an object with {', '.join(schema['required'])}"
    return _NAMES[schema["type"]] if "type" in schema else "any value"


def _format_value(value: Json, most: int = 60) -> str:
    """A short text of any value: the value may be huge, or too deep or too long to be written out."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__}"
    return text if len(text) <= most else f"{text[:most]}…"
