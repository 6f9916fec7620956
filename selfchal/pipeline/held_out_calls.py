"""Which calls solve held-out tasks: asked on behalf of a synthesizer, which must not look at these itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from selfchal.core.environment import Environment
from selfchal.core.world import Json


@dataclass
class HeldOutCalls:
    """``held_out_calls(tool, arguments)``: does an agent that solves a held-out task make this call?"""

    environment: Environment
    _lines: list[str] | None = field(init=False, default=None)  # of the solutions, once asked for

    def __call__(self, tool: str, arguments: Mapping[str, Json]) -> bool:
        values = [repr(value) for value in arguments.values()]
        lines = self._read_lines()
        return any(f"{tool}(" in line and all(value in line for value in values) for line in lines)

    def _read_lines(self) -> list[str]:
        if self._lines is None:
            self._lines = [
                line
                for split in self.environment.splits()
                for task in self.environment.test_tasks(split)
                for turn in self.environment.oracle(task)
                for line in turn.splitlines()
            ]
        return self._lines
