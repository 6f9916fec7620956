"""Runs task code, each time in a namespace of its own, and says what a verifier made of an outcome.

A run that makes more calls than it may alone, or that goes on after it was out of stack or memory, gets the
verdict RAN_OUT: in a process of its own it could have said something else. Code that catches errors says so
by a call that ``selfchal.judging.source.except_hooks`` wrote into it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

from selfchal.judging.guest.worlds import Worlds

# In the place of a verdict: evaluate raised, or gave no truth value; it may have run out of something.
RAISED = "raised"
RAN_OUT = "ran out"


class Runs:
    """``names`` are what task code finds beside what it was ``given``."""

    def __init__(self, given: dict[str, Any], worlds: Worlds, most_calls: int) -> None:
        self.names: dict[str, Any] = {"_noticed": self._notice}
        self._given = given
        self._worlds = worlds
        self._most_calls = most_calls
        self._out_of_room = False

    def run(self, code: CodeType) -> dict[str, Any]:
        """The namespace that the code leaves behind. Raises what the code raises."""
        self._worlds.calls = 0
        self._out_of_room = False
        space = {**self._given, **self.names}
        exec(code, space)
        return space

    @property
    def ran_out(self) -> bool:
        """Did the last run make more calls than it may alone, or catch that it was out of stack or memory?"""
        return self._out_of_room or self._worlds.calls > self._most_calls

    def judge(self, verifier: CodeType, answer: str, read: Callable[[str], Any] = json.loads) -> bool | str:
        """What evaluate says of the present world and this answer, which is JSON."""
        verdict: bool | str
        try:
            evaluate = self.run(verifier)["evaluate"]
            value = evaluate(*[read(answer)][: evaluate.__code__.co_argcount])
            verdict = value if isinstance(value, bool) else RAISED
        except AssertionError:
            verdict = False
        except (RuntimeError, MemoryError):
            verdict = RAN_OUT
        except Exception:  # noqa: BLE001 — whatever a verifier raises is data
            verdict = RAISED
        return RAN_OUT if self.ran_out else verdict

    def _notice(self) -> None:
        """Called first by every handler of errors in task code; the stack may be all but full."""
        kind = sys.exc_info()[0]
        if kind is not None and issubclass(kind, (RecursionError, MemoryError)):
            self._out_of_room = True
