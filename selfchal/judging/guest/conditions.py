"""The conditions of a verifier, of which one at a time is dropped: taken as met, whatever it says.

``selfchal.judging.source.drop_conditions`` wrote calls of ``names`` around each condition of the source.
"""

from __future__ import annotations

from typing import Any


class Conditions:
    def __init__(self) -> None:
        self.names: dict[str, Any] = {"_dropped": self._drop, "_met": self._meet, "_refused": self._refuse}
        self._dropped = 0
        self._unmet: dict[int, int] = {}  # how often each was asked and not met

    def start(self, dropped: int = 0) -> None:
        """A run begins in which this condition (from 1) is dropped; 0 for none."""
        self._dropped = dropped
        self._unmet.clear()

    def list_unmet(self) -> list[int]:
        """Those that were asked and not met at least once: dropping another one cannot change the verdict."""
        return [number for number, times in self._unmet.items() if times]

    def _drop(self, number: int) -> bool:
        """Is this one dropped? Called before the condition is asked."""
        if number == self._dropped:
            return True
        self._unmet[number] = self._unmet.get(number, 0) + 1
        return False

    def _meet(self, number: int, value: Any) -> Any:
        """Called with what the condition said, which must be True."""
        if value is True:
            self._unmet[number] -= 1
        return value

    def _refuse(self, number: int, value: Any) -> Any:
        """Called with what the condition of ``if <wrong>: return False`` said, which must not be true."""
        if not value:
            self._unmet[number] -= 1
        return value
