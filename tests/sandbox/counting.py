"""A tool host for the sandbox tests: adds, refuses, answers nonsense, and counts what it was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfchal.core.world import ToolResult


class Counting:
    tool_names = ("add", "refuse", "nonsense", "keep")

    def __init__(self) -> None:
        self.asked = 0
        self.kept: list[Any] = []

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> ToolResult:
        self.asked += 1
        if name == "refuse":
            return ToolResult("KeyError: 'nobody'", ok=False, raises=True)
        if name == "nonsense":
            return ToolResult(float("nan"))
        if name == "keep":
            self.kept.append(args[0])
            return ToolResult(len(self.kept))
        return ToolResult(sum(args) + sum(kwargs.values()))

    def digest(self) -> str:
        return str(len(self.kept))
