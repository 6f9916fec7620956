"""Answers that remember what they are compared with.

A verifier may accept a second answer that stands nowhere in its source, since it is put together when it
runs. When it compares that with the answer that it is given, it gives it away.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

MOST_HEARD = 50
_COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__")
_OF_NUMBERS = (*_COMPARISONS, "__sub__", "__rsub__", "__mod__")
# What gives the same text in another form: it goes on listening.
_FORMS = ("strip", "lstrip", "rstrip", "lower", "upper", "casefold", "title", "capitalize", "replace")


class Heard:
    """What was heard in this process, each value once."""

    values: list[Any] = []  # noqa: RUF012 — there is one list for a process

    @classmethod
    def keep(cls, value: Any) -> None:
        known = any(type(one) is type(value) and one == value for one in cls.values)
        if type(value) in (str, int, float) and not known and len(cls.values) < MOST_HEARD:
            cls.values.append(value)


class ListeningText(str):
    __hash__ = str.__hash__

    def __str__(self) -> str:
        return self

    def __getitem__(self, part: Any) -> str:
        return ListeningText(str.__getitem__(self, part))


class ListeningInteger(int):
    __hash__ = int.__hash__


class ListeningFloat(float):
    __hash__ = float.__hash__


def _listen_in(kind: type[Any], base: type[Any], name: str) -> None:
    method = getattr(base, name)

    def compare(self: Any, other: Any) -> Any:
        Heard.keep(other)
        return method(self, other)

    setattr(kind, name, compare)


def _stay_listening(name: str) -> None:
    method: Callable[..., str] = getattr(str, name)
    setattr(ListeningText, name, lambda self, *given: ListeningText(method(self, *given)))


for _name in _COMPARISONS:
    _listen_in(ListeningText, str, _name)
for _name in _OF_NUMBERS:
    _listen_in(ListeningInteger, int, _name)
    _listen_in(ListeningFloat, float, _name)
for _name in _FORMS:
    _stay_listening(_name)


def make_listening(answer: str) -> Any:
    """The answer that this JSON is, listening where it is a text or a number."""
    value = json.loads(answer)
    if type(value) is str:
        return ListeningText(value)
    if type(value) is int:
        return ListeningInteger(value)
    return ListeningFloat(value) if type(value) is float else value
