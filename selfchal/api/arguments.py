"""What the functions of the door say of an argument that cannot be meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def expect(value: Any, kinds: tuple[type[Any], ...], wanted: str) -> None:
    """Raise TypeError, which says what is wanted, where the value is of none of these kinds."""
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise TypeError(f"{wanted} is needed, not {describe_value(value)}")


def expect_whole(value: int, least: int, name: str) -> None:
    """Raise TypeError for what is no whole number, and ValueError for one below ``least``."""
    expect(value, (int,), f"a whole number for {name}")
    _expect_at_least(value, least, name)


def expect_number(value: float, least: float, name: str) -> None:
    """Raise TypeError for what is no number, and ValueError for one below ``least``."""
    expect(value, (int, float), f"a number for {name}")
    _expect_at_least(value, least, name)


def _expect_at_least(value: float, least: float, name: str) -> None:
    if not value >= least:
        raise ValueError(f"{name} is {least:g} or more, not {value}")


def expect_truth(value: bool, name: str) -> None:
    """Raise TypeError for what is neither True nor False."""
    if not isinstance(value, bool):
        raise TypeError(f"True or False is needed for {name}, not {describe_value(value)}")


def expect_callable(value: Any, wanted: str) -> None:
    """Raise TypeError, which says what is wanted, where the value cannot be called."""
    if not callable(value):
        raise TypeError(f"{wanted} is needed, not {describe_value(value)}")


def list_wanted(wanted: Any, name: str) -> list[Any]:
    """Several things, or one that was given without a list around it."""
    if isinstance(wanted, str | Mapping | type):
        return [wanted]
    expect(wanted, (Sequence,), f"a list for {name}, or one name, section or class")
    return list(wanted)


def describe_value(value: Any) -> str:
    """The value with its type, cut where it is long."""
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
