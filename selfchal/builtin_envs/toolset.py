"""Tool calls on the trusted side: find the tool, copy and check the arguments, run it, tidy the result.

Environments share ``Toolset`` whose tools raise in the calling code when they cannot do what is asked. No
exception leaves it, whatever is called with whatever arguments (CONTRIBUTING.md#invariant-3).
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from selfchal.builtin_envs.arithmetic import MAX_BITS
from selfchal.core.world import Json, ToolResult, ToolSpec
from selfchal.tools.arguments import find_mismatch, spread
from selfchal.tools.tool import Tool


class Said(Exception):  # noqa: N818 — an answer, not an error of the program
    """A tool raises it to say no with a text that the calling code gets as the value."""


class Toolset:
    """The tools of one environment, by name, in the order in which a model is told of them."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.spec.name: tool for tool in tools}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tools)

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(tool.spec for tool in self._tools.values())

    def call(
        self, lead: Sequence[Any], name: str, args: Sequence[Json], kwargs: Mapping[str, Json]
    ) -> ToolResult:
        """Answer one call; ``lead`` are the first arguments of bound tools (a world's state)."""
        tool = self._tools.get(name)
        if tool is None:
            return refused(f"there is no tool {name!r}; the tools are {', '.join(self._tools)}")
        try:
            own_args, own_kwargs = copy.deepcopy((tuple(args), dict(kwargs)))
            first = lead if tool.bound else ()
            given, named = spread(tool.function, (*first, *own_args), own_kwargs)
            problem = find_mismatch(tool.function, tool.spec, given, named)
            if problem:
                return refused(problem)
            return answered(tool.function(*given, **named))
        except Said as said:
            return ToolResult(str(said), ok=False)
        except Exception as error:  # noqa: BLE001 — whatever a tool raises is an observation (CONTRIBUTING.md#invariant-3)
            return refused(str(error) or type(error).__name__)


def refused(reason: str) -> ToolResult:
    """The calling code sees an exception with this message."""
    return ToolResult(reason, ok=False, raises=True)


def answered(value: Any) -> ToolResult:
    """The value as strict JSON. Raises ValueError for a number that JSON does not have."""
    return ToolResult(strict(value))


def strict(value: Any) -> Json:
    """The value with tuples as lists. Raises ValueError for infinities, NaN, and integers that no program
    would read back."""
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise ValueError("the result has too many digits")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"the result is {value}, which is no number to go on with")
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    if isinstance(value, dict):
        return {str(key): strict(item) for key, item in value.items()}
    return value


def shown(result: ToolResult) -> str:
    """The observation of a result: strings as they are, other values as JSON, what raises as an error."""
    if result.raises:
        return f"Error: {result.value}"
    return result.value if isinstance(result.value, str) else json.dumps(result.value, ensure_ascii=False)
