"""What a sandbox hands to a program: the tools of a switchboard as global names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from selfchal.judging.switchboard import Switchboard
from tests.support.shop import ShopWorld

READING = ["get_user", "get_order"]
WRITING = ["cancel_order", "set_city"]


class CountingBoard(Switchboard):
    """Remembers the calls that reached the trusted side."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.names: list[str] = []

    def call(self, name: str, args: Any, kwargs: Any) -> Any:
        self.names.append(name)
        return super().call(name, args, kwargs)


def make_board(worlds: int = 2, may_keep: bool = False) -> CountingBoard:
    return CountingBoard([ShopWorld() for _ in range(worlds)], READING, may_keep)


def give_tools(board: Switchboard) -> dict[str, Any]:
    """As a sandbox does it: values travel as JSON, and a refusal is a RuntimeError."""
    return {name: _give_tool(board, name) for name in board.tool_names}


def _give_tool(board: Switchboard, name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        result = board.call(name, json.loads(json.dumps(args)), kwargs)
        if result.raises:
            raise RuntimeError(result.value)
        return json.loads(json.dumps(result.value))

    return call
