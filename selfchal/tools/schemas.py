"""JSON schemas of Python types, made by pydantic and written as models know them best.

A schema stands for itself: there are no references in it, and no titles. Its keys come in one order, because
models are shown schemas as text, and a text must not depend on how pydantic happens to write it.
"""

from __future__ import annotations

import functools
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, Required  # a dependency of pydantic

from pydantic import TypeAdapter
from pydantic.errors import (
    PydanticInvalidForJsonSchema,
    PydanticSchemaGenerationError,
    PydanticUserError,
)
from pydantic.fields import FieldInfo
from typing_extensions import Doc, TypedDict

from selfchal.core.world import Json

_FIRST = ("type", "enum", "items", "prefixItems", "properties", "required", "anyOf")
_SCALARS = (str, int, float, bool, type(None))


class NoSchemaError(TypeError):
    """A type that JSON has no values for."""


def make_schema(hint: Any, mode: Literal["validation", "serialization"] = "validation") -> dict[str, Json]:
    """The schema of what is passed for this type, or, in mode ``serialization``, of what it is told as.

    Raises NoSchemaError.
    """
    try:
        raw = make_adapter(hint).json_schema(mode=mode, by_alias=True)
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema) as error:
        raise NoSchemaError(_write_hint(hint)) from error
    except (PydanticUserError, NameError) as error:
        raise NoSchemaError(f"{_write_hint(hint)}: {str(error).splitlines()[0]}") from error
    schema = _tidy(raw, raw.get("$defs", {}), ())
    schema.pop("description", None)  # the docstring of a class speaks to programmers
    return schema


def _write_hint(hint: Any) -> str:
    """As people write it: a class by its name."""
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else repr(hint)


def make_adapter(hint: Any) -> TypeAdapter[Any]:
    """The pydantic validator of a type. Raises what pydantic raises for a type that it cannot check."""
    try:
        return _make_adapter(hint, repr(hint))
    except TypeError:  # a hint that cannot be hashed, such as Annotated with a list
        return TypeAdapter(_renew(hint))


@functools.lru_cache(maxsize=512)
def _make_adapter(hint: Any, written: str) -> TypeAdapter[Any]:
    """``written`` tells types apart that Python takes for equal: ``int | str`` and ``str | int``."""
    return TypeAdapter(_renew(hint))


def _renew(hint: Any) -> Any:
    """The type with ``typing_extensions.TypedDict`` for ``typing.TypedDict``, which pydantic asks for on
    Python 3.11."""
    if sys.version_info >= (3, 12):
        return hint
    if typing.is_typeddict(hint):
        fields = typing.get_type_hints(hint, include_extras=True)
        needed = hint.__required_keys__
        parts = {
            name: (Required if name in needed else NotRequired)[_renew(part)] for name, part in fields.items()
        }
        return TypedDict(hint.__name__, parts)  # type: ignore[operator]  # mypy knows only the written-out form
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return typing.Union[tuple(map(_renew, args))]  # noqa: UP007 — of a tuple that is made here
    if origin in (list, dict, tuple, set, frozenset, Sequence, Mapping):
        return origin[tuple(map(_renew, args))]
    return hint


def is_plain(hint: Any) -> bool:
    """Is a JSON value of this type's schema the very value that a function of this type expects?

    Then nothing is to be converted, and the schema says all that there is to check: so it is with texts,
    numbers, Literal, lists of such, TypedDict, and dicts of anything.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or hint in _SCALARS or hint in (list, dict):
        return True
    if origin is Literal:
        return all(isinstance(value, _SCALARS) for value in args)
    if origin in (list, Sequence, typing.Union, types.UnionType):
        return all(map(is_plain, args))
    if origin in (dict, Mapping):
        return args == (str, Any)
    if typing.is_typeddict(hint):
        return all(map(is_plain, typing.get_type_hints(hint).values()))
    return False


def read_description(hint: Any) -> tuple[Any, str]:
    """The type, and what ``Annotated`` says of it (``Field(description=…)``, ``Doc(…)`` or a plain text).

    The type comes without ``Annotated`` where that only describes it.
    """
    if typing.get_origin(hint) is not Annotated:
        return hint, ""
    inner, *notes = typing.get_args(hint)
    texts = [_read_note(note) for note in notes]
    only_describes = all(isinstance(note, str | Doc) or _is_bare(note) for note in notes)
    return (inner if only_describes else hint), next(filter(None, texts), "")


def _is_bare(note: Any) -> bool:
    """A ``Field`` that puts no bounds on its values."""
    return isinstance(note, FieldInfo) and not note.metadata


def _read_note(note: Any) -> str:
    if isinstance(note, str):
        return note
    if isinstance(note, FieldInfo):
        return note.description or ""
    return note.documentation if isinstance(note, Doc) else ""


Schema = Mapping[str, Json]


def _tidy(schema: Schema, definitions: Schema, inside: tuple[str, ...]) -> dict[str, Json]:
    """The schema without titles and references. ``inside`` names the definitions around it: a type that
    holds itself stands for any object there."""
    if "$ref" in schema:
        return _resolve(schema, definitions, inside)
    left_out = ("title", "$defs", "discriminator")
    made = {_rename_key(key): value for key, value in schema.items() if key not in left_out}
    if "const" in schema:
        made["enum"] = [schema["const"]]
    for key, value in list(made.items()):
        made[key] = _tidy_part(key, value, definitions, inside)
    if "properties" in made:
        made["required"] = sorted(made.get("required", ()))
    says_nothing = [key for key in ("items", "additionalProperties") if made.get(key) in ({}, True)]
    known = [key for key in _FIRST if key in made] + [key for key in made if key not in _FIRST]
    return {key: made[key] for key in known if key not in says_nothing}


def _resolve(schema: Schema, definitions: Schema, inside: tuple[str, ...]) -> dict[str, Json]:
    """What the reference stands for, with what is said beside it."""
    name = schema["$ref"].rpartition("/")[2]
    if name in inside:
        return {"type": "object"}
    whole = _tidy(definitions[name], definitions, (*inside, name))
    whole.pop("description", None)  # of the class; what the field says stands beside the reference
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return {**whole, **_tidy(beside, definitions, inside)}


def _rename_key(key: str) -> str:
    return {"oneOf": "anyOf", "const": "enum"}.get(key, key)


def _tidy_part(key: str, value: Json, definitions: Schema, inside: tuple[str, ...]) -> Json:
    if key in ("items", "additionalProperties") and isinstance(value, Mapping):
        return _tidy(value, definitions, inside)
    if key in ("prefixItems", "anyOf", "allOf"):
        return [_tidy(inner, definitions, inside) for inner in value]
    if key == "properties":
        return {name: _tidy(inner, definitions, inside) for name, inner in value.items()}
    return value
