"""What an episode is called: the batch that it was stored in, and its position there.

An address never changes, so it may stand in a link: ``evaluate/before/sampled/000000/3``.
"""

from __future__ import annotations

from dataclasses import dataclass

from selfchal.core.errors import StoreError
from selfchal.pipeline.costs import PURPOSES

_STAGES = {"exam": "make the exam", "challenge": "challenge", "train": "train"}


@dataclass(frozen=True)
class Address:
    """``purpose`` and ``key`` name the batch; ``position`` counts from 0."""

    purpose: str
    key: str
    position: int

    def __str__(self) -> str:
        return f"{self.purpose}/{self.key}/{self.position}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Raises StoreError where the text is no address."""
        purpose, _, rest = text.partition("/")
        key, _, position = rest.rpartition("/")
        if purpose not in PURPOSES or not key or not (position.isascii() and position.isdecimal()):
            raise StoreError(
                f"{text[:200]!r} names no episode; names look like evaluate/before/sampled/000000/3, and "
                "`selfchal episodes list RUN` prints them"
            )
        return cls(purpose, key, int(position[:9]))


@dataclass(frozen=True)
class Moment:
    """When an episode was played: the stage of the run, as the progress display calls it, and in an
    evaluation the mode (``sampled``, ``greedy``, ``forced_greedy``)."""

    stage: str
    mode: str = ""

    @property
    def test_set(self) -> str:
        """``held-out`` or ``exam``; empty where nothing is measured."""
        if not self.stage.startswith("evaluate "):
            return ""
        return "exam" if self.stage.startswith("evaluate exam ") else "held-out"

    @property
    def when(self) -> str:
        """``before`` or ``after`` training; empty where nothing is measured."""
        return self.stage.rpartition(" ")[2] if self.test_set else ""


def find_moment(purpose: str, key: str) -> Moment:
    """The moment of a stored batch: ``evaluate``, ``before/sampled/000000`` gives ``evaluate before``,
    ``sampled``; ``train``, ``1/0000000003`` gives ``train 1``."""
    head, _, rest = key.partition("/")
    if purpose == "evaluate":
        return Moment(f"evaluate {head}", rest.partition("/")[0])
    return Moment(_STAGES[purpose] if purpose == "exam" else f"{_STAGES.get(purpose, purpose)} {head}")
