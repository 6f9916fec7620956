"""The outcome of an episode as the index stores it."""

from __future__ import annotations

from enum import IntEnum

SOLVED_FROM = 0.5  # a reward above it counts as solved


class Solved(IntEnum):
    """``UNJUDGED`` is an episode without a reward (CONTRIBUTING.md#invariant-2)."""

    NO = 0
    YES = 1
    UNJUDGED = 2

    @property
    def word(self) -> str:
        return ("failed", "solved", "not judged")[self]

    @classmethod
    def of(cls, reward: float | None) -> Solved:
        if reward is None:
            return cls.UNJUDGED
        return cls.YES if reward > SOLVED_FROM else cls.NO


WORDS = {"failed": Solved.NO, "solved": Solved.YES, "unjudged": Solved.UNJUDGED}  # as they are asked for
