"""A tool out of a typed Python function: its schema, its call form, and how it is called.

Types are pydantic's: numbers, texts, Literal, lists, dicts and unions, and also Enum, dates, tuples,
dataclasses, TypedDict and pydantic models, nested as one likes. An argument comes as JSON; the function gets
what it declared. What it returns becomes JSON again.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import json
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, to_jsonable_python

from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json, ToolResult, ToolSpec
from selfchal.tools.arguments import ArgumentError, bind_arguments
from selfchal.tools.docstrings import read_docstring
from selfchal.tools.schemas import NoSchemaError, is_plain, make_adapter, make_schema, read_description
from selfchal.tools.signatures import write_signature

_Parameter = inspect.Parameter


@dataclass(frozen=True)
class Tool:
    """A tool's schema and the function behind it. The function's first parameter may be a world:
    then ``bound`` says so, and the schema leaves it out. ``converters`` are for parameters, by name, whose
    values the function expects in another form than JSON has them."""

    spec: ToolSpec
    function: Callable[..., Any]
    bound: bool = False
    converters: Mapping[str, TypeAdapter[Any]] = field(default_factory=dict)

    def call(self, world: Any, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        """Call it. What it raises becomes a result that raises in the calling code; nothing escapes."""
        lead = (world,) if self.bound else ()
        try:
            own_args, own_kwargs = copy.deepcopy((tuple(args), dict(kwargs)))
            given, named = bind_arguments(
                self.function, self.spec, self.converters, (*lead, *own_args), own_kwargs
            )
        except (ArgumentError, RecursionError) as error:
            return ToolResult(str(error), ok=False, raises=True)
        try:
            value = self.function(*given, **named)
        except KeyboardInterrupt:
            raise  # the person's own
        except BaseException as error:  # noqa: BLE001 — what a tool raises is an observation (CONTRIBUTING.md#invariant-3)
            kind = type(error).__name__
            return ToolResult(f"{kind}: {error}", ok=False, raises=True, error=kind)
        try:
            return ToolResult(to_json(value))
        except (TypeError, ValueError, RecursionError) as error:
            kind = type(error).__name__
            text = f"the tool {self.spec.name} gave no JSON value: {error}"
            return ToolResult(text, ok=False, raises=True, error=kind)


def tool(
    function: Callable[..., Any], *, writes: bool = False, ends_episode: bool = False, bound: bool = False
) -> Tool:
    """Make a Tool of a typed, documented function.

    Raises EnvironmentDataError for a parameter that no caller could give: one without a type, one of a type
    that JSON has no values for, or ``**options``; and for what is no function with a name.
    """
    if not inspect.isroutine(function):
        raise EnvironmentDataError(
            f"{function!r:.60} cannot be a tool, for a tool is called by its name; write a function with def"
        )
    name = function.__name__
    summary, documented = read_docstring(function)
    hints = _read_hints(function)
    parameters = list(inspect.signature(function).parameters.values())[1 if bound else 0 :]
    defaults = _list_defaults(parameters)
    schemas: dict[str, dict[str, Json]] = {}
    properties: dict[str, Json] = {}
    converters: dict[str, TypeAdapter[Any]] = {}
    for parameter in parameters:
        hint, said = _read_parameter(name, parameter, hints)
        schemas[parameter.name] = _make_schema(hint, f"{name}: the parameter {parameter.name}")
        text = documented.get(parameter.name, said)
        properties[parameter.name] = _describe_parameter(parameter, schemas[parameter.name], defaults, text)
        if not is_plain(hint):
            converters[parameter.name] = make_adapter(hint)
    spec = ToolSpec(
        name=name,
        description=summary,
        signature=write_signature(name, parameters, schemas, defaults, _make_return_schema(hints)),
        parameters={
            "type": "object",
            "properties": properties,
            "required": [each.name for each in parameters if _is_required(each)],
        },
        writes=writes,
        ends_episode=ends_episode,
    )
    return Tool(spec, function, bound, converters)


def to_json(value: Any) -> Json:
    """The value as JSON has it: dataclasses and models as objects, dates as texts, sets as sorted lists.

    Raises TypeError or ValueError for what is no JSON value: a number that is infinite, an object of no
    such type.
    """
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except TypeError:  # of some richer type
        pass
    try:
        made = to_jsonable_python(_sort_sets(value))
    except PydanticSerializationError as error:
        raise TypeError(str(error)) from error
    return json.loads(json.dumps(made, allow_nan=False))


def _sort_sets(value: Any) -> Any:
    """The order of a set is another one in each process; what a tool says must not be."""
    if isinstance(value, set | frozenset):
        return sorted(map(_sort_sets, value), key=repr)
    if isinstance(value, dict):
        return {key: _sort_sets(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_sort_sets(inner) for inner in value]
    return value


def _read_hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise EnvironmentDataError(
            f"{function.__name__}: a type of its signature cannot be looked up ({error}); import it where "
            "the module is run, not under TYPE_CHECKING alone"
        ) from error


def _read_parameter(name: str, parameter: _Parameter, hints: Mapping[str, Any]) -> tuple[Any, str]:
    """The type of a parameter, and what its annotation says about it."""
    if parameter.kind is _Parameter.VAR_KEYWORD:
        raise EnvironmentDataError(
            f"{name}: no caller can know what **{parameter.name} takes; write each option as a parameter "
            "with a type and a default"
        )
    if parameter.name not in hints:
        raise EnvironmentDataError(
            f"{name}: the parameter {parameter.name} has no type, so nobody is told what to give; write one, "
            f"as in {parameter.name}: str"
        )
    return read_description(hints[parameter.name])


def _make_schema(hint: Any, where: str) -> dict[str, Json]:
    try:
        return make_schema(hint)
    except NoSchemaError as error:
        raise EnvironmentDataError(
            f"{where} has a type that JSON has no values for: {error}. Use str, int, float, bool, list, "
            "dict, Literal, Enum, date, a dataclass, a TypedDict or a pydantic model"
        ) from error


def _make_return_schema(hints: Mapping[str, Any]) -> Mapping[str, Json] | None:
    if "return" not in hints:
        return None
    try:
        return make_schema(hints["return"], "serialization")
    except NoSchemaError:
        return {}


def _list_defaults(parameters: Sequence[_Parameter]) -> dict[str, Json]:
    """The defaults that JSON can write, by parameter."""
    found: dict[str, Json] = {}
    for parameter in parameters:
        if parameter.default is not _Parameter.empty:
            with contextlib.suppress(TypeError, ValueError):
                found[parameter.name] = to_json(parameter.default)
    return found


def _describe_parameter(
    parameter: _Parameter, schema: dict[str, Json], defaults: Mapping[str, Json], text: str
) -> dict[str, Json]:
    """The schema of the parameter in the tool's own schema."""
    variadic = parameter.kind is _Parameter.VAR_POSITIONAL
    whole: dict[str, Json] = {"type": "array", "items": schema} if variadic else dict(schema)
    if defaults.get(parameter.name) is not None:
        whole["default"] = defaults[parameter.name]
    if text:
        whole["description"] = text
    return whole


def _is_required(parameter: _Parameter) -> bool:
    return parameter.default is _Parameter.empty and parameter.kind is not _Parameter.VAR_POSITIONAL
