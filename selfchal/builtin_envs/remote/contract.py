"""What every connection of these environments answers beside its tools, and what is told of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from selfchal.core.task import TestTask
from selfchal.core.world import Json

# Calls that agents cannot make: no tool has such a name.
RESET = "::reset"  # begins an episode; the arguments are a world's context, the answer what is seen first
GRADE = "::grade"  # {"answer": …}: the answer's reward is what the episode is worth


@dataclass(frozen=True)
class RemoteTask:
    """A task as the other side tells it. ``context`` chooses it at a reset."""

    id: str
    instruction: str
    context: Mapping[str, Json] = field(default_factory=dict)
    family: str = ""

    def as_test_task(self) -> TestTask:
        """Its solution stays on the other side."""
        return TestTask(self.id, self.instruction, self.context, {}, self.family)
