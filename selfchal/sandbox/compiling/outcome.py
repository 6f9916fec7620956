"""What becomes of a source that is to be compiled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Compiled:
    """``code`` is the code object as ``marshal`` writes it, for this very version of Python."""

    code: bytes


@dataclass(frozen=True)
class Refused:
    """``reason`` is for whoever wrote the source. ``too_complex``: it may be Python, but costs too much."""

    reason: str
    too_complex: bool = False

    def describe(self, what: str) -> str:
        """A sentence about ``what`` ("the solution")."""
        return f"{what} is too complex: {self.reason}" if self.too_complex else f"{what} {self.reason}"
