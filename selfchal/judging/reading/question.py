"""A question about a value that the instruction may say in words which no exact comparison knows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

from selfchal.core.world import Json


class Reading(StrEnum):
    """What a reader finds: the instruction says the value, or does not, or the reader cannot tell."""

    SAID = "said"
    MISSING = "missing"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Question:
    """A closed choice: ``value`` is what the solution takes, ``others`` what could be meant instead.

    ``label`` names the value in verdicts. ``topic`` is what the choices are about ("reason of
    cancel_pending_order"), ``action`` what the tool does that is given the value, empty where the value was
    only looked up. ``in_words`` says that the choices are words that mean something, as those of a schema and
    the labels of a page are, and not ids, dates and amounts. ``told`` is a sentence that would answer the
    question, for a solver that is told.
    """

    label: str
    topic: str
    value: str
    others: tuple[str, ...] = ()
    action: str = ""
    in_words: bool = False
    told: str = ""


@dataclass(frozen=True)
class Answer:
    """A reading, and what it rests on, for ``diagnostics``."""

    reading: Reading
    why: Json = None


class Reader(Protocol):
    """Answers questions about instructions. Several threads may ask at once."""

    name: ClassVar[str]

    def read(self, instruction: str, question: Question) -> Answer:
        """Never raises for what an instruction holds."""
