"""Whatever a tool raises is an observation."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field

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


class Cancelled(BaseException):
    """As asyncio's, which is no Exception."""


def cancel() -> str:
    """Give up."""
    raise Cancelled


def test_what_is_no_exception_is_an_observation_too() -> None:
    result = tool(cancel).call(None, [], {})
    assert (result.ok, result.raises, result.error) == (False, True, "Cancelled")


@dataclass
class Basket:
    fruit: list[str] = field(default_factory=list)


def collect(*, names: list[str] = [], basket: Basket = Basket(), known: set[str] = {"pear"}) -> list[int]:  # noqa: B006, B008 — as people write it
    """Put something into everything that was not given."""
    names.append("apple")
    basket.fruit.append("apple")
    known.add("apple")
    return [len(names), len(basket.fruit), len(known)]


def test_a_default_that_a_call_changes_is_as_it_was_for_the_next() -> None:
    made = tool(collect)
    assert [made.call(None, [], {}).value for _ in range(2)] == [[1, 1, 2]] * 2
    assert made.call(None, [], {"names": ["fig"], "basket": {"fruit": ["fig", "nut"]}}).value == [2, 3, 2]


def test_the_persons_own_ctrl_c_goes_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        tool(interrupt).call(None, [], {})
