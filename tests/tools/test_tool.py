"""Whatever a tool raises is an observation."""

from __future__ import annotations

import argparse

import pytest

from selfchal.tools.tool import tool


def parse_flags(text: str) -> str:
    """Read the flags of a command line."""
    argparse.ArgumentParser().parse_args(text.split())
    return "fine"


def divide(number: int) -> float:
    """Divide one by a number."""
    return 1 / number


def interrupt() -> str:
    """Stands for Ctrl-C in the middle of a call."""
    raise KeyboardInterrupt


def test_a_tool_that_would_end_the_program_ends_its_call_alone() -> None:
    result = tool(parse_flags).call(None, ["--unknown"], {})
    assert (result.ok, result.raises) == (False, True)
    assert "SystemExit" in result.value
    assert "ZeroDivisionError" in tool(divide).call(None, [0], {}).value


def test_the_persons_own_ctrl_c_goes_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        tool(interrupt).call(None, [], {})
