"""What does an instruction of calculation ask for? Read back by the wordings of the pretraining.

The embedded challenger words its tasks as it was taught to (scripts/seedling/phrases.py), so most of its
instructions can be parsed into a chain of calls and run: what they ask for is then known, whatever their
verifier says. An instruction that cannot be parsed, or that can be read in two ways, proves nothing.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from selfchal.builtin_envs.calculation.chains import BY_NAME, Step, run_call

_LITERAL = re.compile(r"'[^']*'|(?<![\w.])\d+(?:\.\d+)?(?![\w])")
_SLOT = re.compile(r"\{([xyz])\}")


@dataclass(frozen=True)
class Reading:
    """A chain that an instruction asks for, and what each of its steps gives."""

    steps: tuple[Step, ...]
    values: tuple[Any, ...]

    @property
    def answer(self) -> Any:
        return self.values[-1]

    def near_misses(self) -> list[Any]:
        """Values that are not the answer, and that a lax verifier would take for it."""
        first = _value(self.steps[0].literals["x"])
        shifted = self.answer + 1 if isinstance(self.answer, int | float) else f"{self.answer}x"
        return [value for value in (first, *self.values[:-1], shifted) if str(value) != str(self.answer)]


def read(instruction: str) -> Reading | None:
    """The one chain that the instruction asks for; None where it cannot be told."""
    found = {str(reading.answer): reading for reading in _readings(instruction.strip())}
    return next(iter(found.values())) if len(found) == 1 else None


def _readings(text: str) -> Iterator[Reading]:
    for pattern in _frames():
        match = pattern.fullmatch(text)
        if match:
            options = [list(_steps(part, place == 0)) for place, part in enumerate(match.groups())]
            for steps in product(*options):
                values: list[Any] = []
                try:
                    for step in steps:
                        values.append(run_call(step.code(repr(values[-1]) if values else None)))
                except Exception:  # noqa: BLE001 — steps that do not fit together are no reading
                    continue
                yield Reading(steps, tuple(values))


def _steps(part: str, first: bool) -> Iterator[Step]:
    """The calls that a part of an instruction can mean; later ones refer to the value before."""
    for text in _unnamed(part) if first else _carried(part):
        literals = _LITERAL.findall(text)
        for kind, slots in _phrases().get(_LITERAL.sub("{}", text).lower(), ()):
            if len(slots) == len(literals) and len(set(slots)) == len(slots):
                given = dict(zip(slots, literals, strict=True))
                given = {slot: literal for slot, literal in given.items() if literal != "'?'"}
                if first == ("x" in given):
                    yield Step(BY_NAME[kind], given)


def _unnamed(part: str) -> Iterator[str]:
    """The part, and the part without what its first value is called ("the word 'map'")."""
    yield part
    for names in _wording().NOUNS.values():
        for name in filter(None, names):
            for match in re.finditer(re.escape(name), part):
                if _LITERAL.match(part, match.end()):
                    yield part[: match.start()] + part[match.end() :]


def _carried(part: str) -> Iterator[str]:
    for name in _wording().REFERENCES:
        for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", part):
            yield f"{part[: match.start()]}'?'{part[match.end() :]}"


@cache
def _phrases() -> Mapping[str, list[tuple[str, tuple[str, ...]]]]:
    """From a phrase without its values to the kinds of step that it words, with the order of their slots."""
    table: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    for kind, phrases in _wording().PHRASES.items():
        for phrase in dict.fromkeys(phrases):
            table[_SLOT.sub("{}", phrase).lower()].append((kind, tuple(_SLOT.findall(phrase))))
    return table


@cache
def _frames() -> list[re.Pattern[str]]:
    frames = {frame for some in _wording().CONNECTORS.values() for frame in some}
    return [_pattern(frame) for frame in sorted(frames)]


def _pattern(frame: str) -> re.Pattern[str]:
    pieces = re.split(r"\{\d\}", frame.rstrip("."))
    return re.compile("(.+?)".join(map(re.escape, pieces)) + r"[.?]?", re.IGNORECASE)


@cache
def _wording() -> Any:
    sys.path.insert(0, str(Path(__file__).parent.parent / "scripts" / "seedling"))
    import phrases

    return phrases


def _value(literal: str) -> Any:
    return literal.strip("'") if literal.startswith("'") else float(literal)
