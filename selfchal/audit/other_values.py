"""Other values for the arguments of a solution's calls: those that the world itself showed come first.

A digit changed in an id names nothing, so the tool refuses the call and no verifier is asked. Another order,
item or payment method that a tool answered with is accepted, and shows whether the verifier looks at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random

from selfchal.core.world import Json, ToolSpec

_LETTERS = "abcdefghijklmnoprstuvwz"
_MOST_SEEN = 20_000  # texts of all answers that are kept
_MOST_OTHERS = 8  # seen values that stand in for one argument: a tool refuses most of them


def draw_word(random: Random) -> str:
    return "".join(random.choices(_LETTERS, k=9))


class OtherValues:
    """What can stand in place of an argument. ``seen``: everything that the tools answered with."""

    def __init__(self, seen: Iterable[Json], random: Random) -> None:
        self._random = random
        self._by_shape: dict[str, dict[str, None]] = {}  # each text once, in the order of the answers
        for text in _list_texts(seen):
            self._by_shape.setdefault(_describe_shape(text), {})[text] = None

    def alter(self, tool: ToolSpec, arguments: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
        """Each argument that has other plausible values, with some of them."""
        properties = tool.parameters.get("properties", {})
        for name, value in arguments.items():
            choices = [one for one in properties.get(name, {}).get("enum", ()) if one != value]
            if choices:
                yield name, self._random.choice(choices)
            else:
                yield from ((name, other) for other in self._list_others(value))

    def _list_others(self, value: Json) -> Iterator[Json]:
        if isinstance(value, bool):
            yield not value
        elif isinstance(value, int | float):
            yield value + 1
        elif isinstance(value, str):
            yield from self._find_seen(value, ())
            yield self._alter_text(value)
        elif isinstance(value, list):
            yield from self._alter_list(value)

    def _find_seen(self, value: str, besides: Sequence[Json]) -> list[str]:
        alike = [
            one for one in self._by_shape.get(_describe_shape(value), ()) if one not in (value, *besides)
        ]
        return self._random.sample(alike, min(len(alike), _MOST_OTHERS))

    def _alter_list(self, values: list[Json]) -> Iterator[Json]:
        """One member left out, and one replaced by another that was seen."""
        if not values:
            return
        index = self._random.randrange(len(values))
        if len(values) > 1:
            yield [*values[:index], *values[index + 1 :]]
        member = values[index]
        if isinstance(member, str):
            for other in self._find_seen(member, values):
                yield [*values[:index], other, *values[index + 1 :]]

    def _alter_text(self, text: str) -> str:
        """A text with one digit changed; without digits another word."""
        digits = [index for index, letter in enumerate(text) if letter.isdigit() and letter.isascii()]
        if not digits:
            return draw_word(self._random)
        index = self._random.choice(digits)
        changed = (int(text[index]) + self._random.randint(1, 9)) % 10
        return f"{text[:index]}{changed}{text[index + 1 :]}"


def _list_texts(values: Iterable[Json]) -> Iterator[str]:
    """Every text in these values, keys too, as many as are kept."""
    waiting, kept = list(values), 0
    while waiting and kept < _MOST_SEEN:
        value = waiting.pop()
        if isinstance(value, str):
            kept += 1
            yield value
        elif isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value


def _describe_shape(text: str) -> str:
    """Texts of one kind have one shape: ``#W6879761`` is ``#W0``, ``credit_card_5105`` is ``a_a_0``."""
    if len(text) > 200:
        return ""
    return re.sub(r"[a-z]+", "a", re.sub(r"\d+", lambda run: "0" * len(run[0]), text))
