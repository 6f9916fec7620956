"""What the functions of the door say of an argument that cannot be meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def expect(value: Any, kinds: tuple[type[Any], ...], wanted: str) -> None:
    """Raise TypeError, which says what is wanted, where the value is of none of these kinds."""
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise TypeError(f"{wanted} is needed, not {_describe(value)}")


def expect_at_least(value: float, least: float, name: str) -> None:
    """Raise ValueError for a number below ``least``."""
    if not value >= least:
        raise ValueError(f"{name} is {least:g} or more, not {value}")


def list_wanted(wanted: Any, name: str) -> list[Any]:
    """Several things, or one that was given without a list around it."""
    if isinstance(wanted, str | Mapping | type):
        return [wanted]
    expect(wanted, (Sequence,), f"a list for {name}, or one name, section or class")
    return list(wanted)


def _describe(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
