"""A Calculation world: tools without a state, so nothing ever changes, and one digest serves all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from selfchal.core.world import Change, Json, ToolResult

_EMPTY_SHA256 = hashlib.sha256(b"{}").hexdigest()

Answer = Callable[[str, Sequence[Json], Mapping[str, Json]], ToolResult]


class CalculationWorld:
    """Answers calls with ``answer`` and shows results with ``show``: both come from the profile."""

    ended = False

    def __init__(self, tool_names: Sequence[str], answer: Answer, show: Callable[[ToolResult], str]) -> None:
        self.tool_names = tool_names
        self._answer = answer
        self._show = show

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        return self._answer(name, args, kwargs)

    def show(self, result: ToolResult) -> str:
        return self._show(result)

    def digest(self) -> str:
        return _EMPTY_SHA256

    def canonical_sha256(self) -> str:
        """The state is the empty object."""
        return _EMPTY_SHA256

    def difference(self) -> tuple[Change, ...]:
        return ()

    def fork(self) -> CalculationWorld:
        return CalculationWorld(self.tool_names, self._answer, self._show)

    def reset(self) -> None:
        """There is nothing to reset."""
