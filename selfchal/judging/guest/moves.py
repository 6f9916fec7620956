"""Small changes of an answer, from which a search walks on: each can be made in steps of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

_MOST_PLACES = 24  # characters or members of an answer that are changed
_MOST_MARKS = 4  # of an answer that are put in once more
_LAST_CHARACTER = 0xD7FF  # what comes after cannot always be written
_COARSE = 16  # characters at once, for codes in hexadecimal
_LARGEST_STEP = 1e15
_LETTERS = "e7 A.é"
_FRACTION = 1 / 64  # of a number with digits behind the point
_LONGEST_INSERTED = 4096  # characters or members at once


class Dice:
    """Random numbers that follow from a seed: a sandbox process would take long to import ``random``."""

    def __init__(self, seed: int) -> None:
        self._state = seed % 2**64

    def below(self, count: int) -> int:
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self._state >> 33) % count

    def shuffle(self, values: list[Any]) -> list[Any]:
        for at in range(len(values) - 1, 0, -1):
            other = self.below(at + 1)
            values[at], values[other] = values[other], values[at]
        return values


def list_moves(dice: Dice, value: Any, strides: Sequence[int] = ()) -> list[Callable[[int], Any]]:
    """Functions that give the changed value for a step of 1, 2, 4, …; numbers go by these ``strides`` too."""
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, int | float):
        return list(_move_number(value, strides))
    if isinstance(value, str):
        return dice.shuffle(list(_move_text(value, _draw_places(dice, len(value)), dice)))
    if isinstance(value, list):
        return dice.shuffle(list(_move_list(dice, value)))
    return dice.shuffle(list(_move_object(dice, value))) if isinstance(value, dict) else []


def _draw_places(dice: Dice, count: int) -> list[int]:
    return dice.shuffle(list(range(count)))[:_MOST_PLACES]


def _move_number(value: float, strides: Sequence[int]) -> Iterator[Callable[[int], Any]]:
    for stride in (1, -1):
        yield _add(value, stride)
    if isinstance(value, float):
        for part in (_FRACTION, -_FRACTION):
            yield _add(value, part)
    else:
        for base in (2, 10):  # one digit less, one digit more
            yield _give(value // base)
            yield from (_give(value * base + digit) for digit in range(base))
        yield from (_give(value ^ 1 << bit) for bit in range(max(value.bit_length() + 1, 10)))
    for stride in strides:
        yield _add(value, stride)
        yield _add(value, -stride)


def _add(value: float, stride: float) -> Callable[[int], Any]:
    return lambda step: value + min(step, _LARGEST_STEP) * stride


def _give(value: Any) -> Callable[[int], Any]:
    """A change that comes in one size."""
    return lambda step: value


def _move_text(value: str, places: list[int], dice: Dice) -> Iterator[Callable[[int], Any]]:
    for at in places:
        for by in (1, -1, _COARSE, -_COARSE):
            yield _turn_character(value, at, by)
    for at in [*places[:4], len(value)]:
        yield _insert(value, at, _LETTERS[dice.below(len(_LETTERS))])
        yield _remove(value, at)
    for letters in ("a", " a", "xa"):
        yield _insert(value, len(value), letters)
    for mark in sorted({one for one in value if not one.isalnum()})[:_MOST_MARKS]:
        yield _insert(value, len(value), mark)
    yield lambda step: value[:-step]
    if places:
        swapped = list(value)
        swapped[places[0]], swapped[places[-1]] = swapped[places[-1]], swapped[places[0]]
        yield _give("".join(swapped))


def _turn_character(value: str, at: int, by: int) -> Callable[[int], Any]:
    def turn(step: int) -> str:
        code = min(max(ord(value[at]) + step * by, 1), _LAST_CHARACTER)
        return value[:at] + chr(code) + value[at + 1 :]

    return turn


def _insert(value: str, at: int, letters: str) -> Callable[[int], Any]:
    return lambda step: value[:at] + letters * min(step, _LONGEST_INSERTED) + value[at:]


def _remove(value: Any, at: int) -> Callable[[int], Any]:
    return lambda step: value[:at] + value[at + step :]


def _move_list(dice: Dice, value: list[Any]) -> Iterator[Callable[[int], Any]]:
    for at in _draw_places(dice, len(value))[:6]:
        for move in list_moves(dice, value[at])[:6]:
            yield _change_member(value, at, move)
        yield _remove(value, at)
        yield _append(value, value[at])
    yield _give(value[::-1])
    yield lambda step: [*value, step]
    yield _append(value, "a")


def _change_member(value: list[Any], at: int, move: Callable[[int], Any]) -> Callable[[int], Any]:
    return lambda step: [*value[:at], move(step), *value[at + 1 :]]


def _append(value: list[Any], member: Any) -> Callable[[int], Any]:
    return lambda step: value + [member] * min(step, _LONGEST_INSERTED)


def _move_object(dice: Dice, value: dict[str, Any]) -> Iterator[Callable[[int], Any]]:
    for key in list(value)[:6]:
        for move in list_moves(dice, value[key])[:6]:
            yield _change_field(value, key, move)
    yield lambda step: {**value, **{f"more{n}": n for n in range(min(step, _LONGEST_INSERTED))}}


def _change_field(value: dict[str, Any], key: str, move: Callable[[int], Any]) -> Callable[[int], Any]:
    return lambda step: {**value, key: move(step)}
