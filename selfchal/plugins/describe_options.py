"""The options of a plugin, a row each, for a table in the docs or on the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_MODULES = re.compile(r"(?<![\w'])(?:\w+\.)+(?=[A-Za-z_])")  # what a quote begins is a value of a Literal


@dataclass(frozen=True)
class Option:
    """``default`` is "required" where there is none."""

    name: str
    type: str
    default: str
    text: str


def describe_options(fields: Mapping[str, FieldInfo]) -> Iterator[Option]:
    """A row for each field of a ``Config``, in their order."""
    for name, field in fields.items():
        default = "required" if field.is_required() else _describe_default(field)
        text = " ".join((field.description or "").split())
        yield Option(field.alias or name, _describe_type(field.annotation), default, text)


def _describe_default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "…"
    return "null" if value is None else str(value)


def _describe_type(annotation: Any) -> str:
    """The type without its module, which differs from Python to Python (pathlib._local.Path in 3.13)."""
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__name__
    return _MODULES.sub("", str(annotation))
