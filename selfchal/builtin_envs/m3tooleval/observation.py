"""How M3ToolEval shows what a call gave: ``str()`` of the value, cut at 2,000 characters, or its one
sentence about a call that raised."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from selfchal.core.world import Json, ToolResult

MAX_CHARACTERS = 2_000
CUT = "...\n[Output Truncated]"


@dataclass(frozen=True)
class Observed(ToolResult):
    """A result with the original's text, which JSON alone cannot give (tuples, infinities, floats)."""

    text: str = ""


def value_seen(value: Any) -> Observed:
    return Observed(as_json(value), text=cut(str(value)))


def failure_seen(name: str, args: Sequence[Any], error: Exception) -> Observed:
    """A tool raised: the calling code sees the exception, an agent of the other formats this sentence."""
    text = (
        f"Failed to execute tool {name} with args {written(tuple(args))}. "
        "Did you try to invoke more than one tool at a time?"
    )
    return Observed(f"{type(error).__name__}: {error}", ok=False, raises=True, text=cut(text))


def unknown_seen(name: str) -> Observed:
    text = f"Cound not find tool with name {name}"  # sic
    return Observed(text, ok=False, raises=True, text=cut(text))


def shown(result: ToolResult) -> str:
    """The observation of a result; of one that another world made, the nearest to it."""
    return result.text if isinstance(result, Observed) else cut(str(result.value))


def cut(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] + CUT


def written(value: Any) -> str:
    try:
        return repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, a list nested as deep
        return f"({type(value).__name__})"


def as_json(value: Any) -> Json:
    """The nearest JSON value: what has none (a set, a complex number, an infinity) becomes its text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {_make_key(key): as_json(item) for key, item in value.items()}
    return str(value)


def _make_key(key: Any) -> str:
    """A key as ``json.dumps`` writes it where it can."""
    if isinstance(key, str):
        return key
    return json.dumps(key) if key is None or isinstance(key, bool | int | float) else str(key)
