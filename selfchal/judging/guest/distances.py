"""How far is a comparison from being met? The number that a search for another accepted answer goes by.

Zero is met. Only the order of two distances of one comparison means anything. The idea is the branch distance
of search-based testing (B. Korel, "Automated software test data generation", 1990).
"""

from __future__ import annotations

from typing import Any

FAR = 1e12  # between values of different types
_LONGEST_COMPARED = 300  # members that are looked at, of texts and lists


def measure_distance(operator: str, left: Any, right: Any) -> float:
    """From ``left operator right`` being true, as it stands in a verifier; the values are anything."""
    if operator == "==":
        return measure_gap(left, right)
    if operator == "in":
        return _measure_membership(left, right)
    if operator in ("<", "<=", ">", ">=") and _is_number(left) and _is_number(right):
        over = left - right if operator[0] == "<" else right - left
        met = over < 0 if operator in ("<", ">") else over <= 0
        return 0.0 if met else float(over) + 1
    return 1.0


def measure_gap(one: Any, other: Any) -> float:
    """How far two values are from being equal."""
    if _is_number(one) and _is_number(other):
        return float(min(abs(one - other), FAR))
    if isinstance(one, str) and isinstance(other, str):
        pairs = zip(one[:_LONGEST_COMPARED], other[:_LONGEST_COMPARED])  # noqa: B905 — lengths are compared below
        return sum(_squash(abs(ord(a) - ord(b))) for a, b in pairs if a != b) + abs(len(one) - len(other))
    if isinstance(one, list | tuple | bytes) and isinstance(other, list | tuple | bytes):
        members = zip(one[:_LONGEST_COMPARED], other[:_LONGEST_COMPARED])  # noqa: B905 — as above
        return sum(_squash(measure_gap(a, b)) for a, b in members) + abs(len(one) - len(other))
    if isinstance(one, set | frozenset) and isinstance(other, set | frozenset):
        return float(len(one ^ other))
    if isinstance(one, dict) and isinstance(other, dict):
        shared = one.keys() & other.keys()
        return sum(_squash(measure_gap(one[key], other[key])) for key in shared) + len(
            one.keys() ^ other.keys()
        )
    return FAR


def measure_truth(value: Any) -> tuple[float, float]:
    """How far a value that is taken for a condition is from being true, and from being false."""
    if value:
        size = abs(value) if _is_number(value) else len(value) if isinstance(value, str | list | dict) else 1
        return 0.0, float(min(size, FAR))
    return 1.0, 0.0


def _measure_membership(member: Any, whole: Any) -> float:
    if isinstance(whole, str) and isinstance(member, str):
        starts = range(max(1, len(whole) - len(member) + 1))
        return min(measure_gap(member, whole[at : at + len(member)]) for at in starts[:_LONGEST_COMPARED])
    if isinstance(whole, list | tuple | set | frozenset | dict):
        return min((measure_gap(member, one) for one in list(whole)[:_LONGEST_COMPARED]), default=FAR)
    return FAR


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and value == value and abs(value) < FAR * FAR


def _squash(distance: float) -> float:
    return distance / (distance + 1)
