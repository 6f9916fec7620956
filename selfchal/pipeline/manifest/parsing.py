"""Turns a mapping into an options class; what is wrong is told with its path and the nearest name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from annotated_types import Le, Lt
from pydantic import BaseModel, ValidationError

from selfchal.core.errors import ManifestError
from selfchal.pipeline.manifest.faults import format_given, list_faults

LARGEST = 10**9  # of a number in a manifest


def parse_config(config: type[Any], rows: Mapping[str, Any], path: str) -> Any:
    """Validate ``rows`` as ``config``; one ManifestError that lists every fault with its path.

    What pydantic lets pass and nobody means is a fault too: a number that is infinite or none, ``true`` where
    a number is wanted, and more than ``LARGEST`` where an option states no upper bound of its own.
    """
    faults = list(_list_infinite(rows, path))
    if faults:
        raise ManifestError("; ".join(faults))
    try:
        parsed = config.model_validate(dict(rows))
    except UnicodeEncodeError as error:
        raise ManifestError(f"{path}: a text holds a character that is none: {error.object!a}") from error
    except ValidationError as error:
        raise ManifestError("; ".join(list_faults(error.errors(), config, path))) from error
    faults = [*_list_truths_as_numbers(rows, parsed, path), *_list_huge(parsed, path)]
    if faults:
        raise ManifestError("; ".join(faults))
    return parsed


def find_unknown(config: type[BaseModel], rows: Mapping[str, Any]) -> str | None:
    """The first key that these options do not have, where they refuse what they do not have."""
    if config.model_config.get("extra") != "forbid":
        return None
    known = {name for field, info in config.model_fields.items() for name in (field, info.alias)}
    return next((key for key in rows if key not in known), None)


def _list_infinite(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _list_infinite(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _list_infinite(inner, f"{path}.{index}")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path}: a finite number is needed (given: {value})"


def _list_truths_as_numbers(given: Any, parsed: Any, path: str) -> Iterator[str]:
    if isinstance(given, Mapping) and isinstance(parsed, BaseModel):
        fields = {info.alias or name: name for name, info in type(parsed).model_fields.items()}
        for key, inner in given.items():
            value = getattr(parsed, fields[key]) if key in fields else inner
            yield from _list_truths_as_numbers(inner, value, f"{path}.{key}" if path else str(key))
    elif isinstance(given, list | tuple) and isinstance(parsed, list | tuple):
        for index, (inner, value) in enumerate(zip(given, parsed, strict=False)):
            yield from _list_truths_as_numbers(inner, value, f"{path}.{index}")
    elif isinstance(given, bool) and isinstance(parsed, int | float) and not isinstance(parsed, bool):
        yield f"{path}: a number is needed (given: {str(given).lower()})"


def _list_huge(parsed: BaseModel, path: str) -> Iterator[str]:
    """Numbers so large that they can only be a slip, and would end as an overflow or out of memory later."""
    for name, info in type(parsed).model_fields.items():
        value, where = getattr(parsed, name), f"{path}.{info.alias or name}" if path else name
        bounded = any(isinstance(bound, Le | Lt) for bound in info.metadata)
        for index, inner in enumerate(value if isinstance(value, list | tuple) else (value,)):
            if isinstance(inner, BaseModel):
                yield from _list_huge(inner, where if inner is value else f"{where}.{index}")
        if isinstance(value, int | float) and not bounded and abs(value) > LARGEST:
            yield f"{where}: a number between -10**9 and 10**9 is needed (given: {format_given(value)})"
