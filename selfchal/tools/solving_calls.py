"""The tool calls that solve a held-out task: tried when the task is read, and written as an agent's turns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json, World


def try_calls(world: World, calls: Iterable[tuple[str, Mapping[str, Json]]], what: str) -> None:
    """Make the calls on this world, so that a task which they do not solve is found at once.

    ``what`` names the task. Raises EnvironmentDataError.
    """
    for name, kwargs in calls:
        result = world.call(name, (), kwargs)
        if not result.ok:
            raise EnvironmentDataError(
                f"{what} is not solved by its own calls: {name}({dict(kwargs)}) gives {result.value}"
            )


def write_turns(calls: Sequence[str], answer: str) -> list[str]:
    """The agent's turns: the calls, each as code, in one action if there are any, then the answer."""
    lines = [f"print({call})" for call in calls]
    return [*(["Action:\n" + "\n".join(lines) + "\nEnd Action"] if lines else []), f"Answer: {answer}"]
