"""Typed tools: what a model is told of them, and what reaches their functions."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Optional, TypedDict

import pytest
from pydantic import BaseModel, Field

from selfchal.core.errors import EnvironmentDataError
from selfchal.tools.tool import Tool, tool


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Guest(BaseModel):
    """A class's own docstring is for programmers."""

    name: str = Field(description="As on the passport.")
    born: dt.date | None = None


class Leg(TypedDict):
    number: str
    day: str


def paint(colour: Colour) -> str:
    """Paint."""
    return type(colour).__name__


def move(point: Point) -> str:
    """Move."""
    return type(point).__name__


def invite(guest: Guest) -> str:
    """Invite."""
    return f"{guest.name}, {guest.born and guest.born.year}"


def remind(on: dt.date, at: dt.datetime | None = None) -> str:
    """Remind."""
    return f"{on.isoformat()} {type(at).__name__}"


def pair(pairs: list[tuple[str, int]]) -> str:
    """Pair."""
    return type(pairs[0]).__name__


def tally(table: dict[str, list[int]]) -> int:
    """Tally."""
    return sum(map(sum, table.values()))


def fly(legs: list[Leg]) -> str:
    """Fly."""
    return legs[0]["number"]


def choose(kind: Literal["a", "b"] = "a", note: Optional[str] = None) -> str:  # noqa: UP045 — people write it
    """Choose."""
    return f"{kind}{note}"


def repeat(word: str, /, times: Annotated[int, Field(ge=1, description="How often.")] = 1) -> str:
    """Repeat."""
    return word * times


def add(*points: Point) -> float:
    """Add."""
    return sum(point.x for point in points)


CASES: list[tuple[Callable[..., Any], str, dict[str, Any], Any]] = [
    (paint, "paint(colour: Literal['red', 'blue']) -> str", {"colour": "red"}, "Colour"),
    (move, "move(point: {'x': float, 'y': float}) -> str", {"point": {"x": 1}}, "Point"),
    (
        invite,
        "invite(guest: {'name': str, 'born': 'YYYY-MM-DD' | None}) -> str",
        {"guest": {"name": "Ann", "born": "1990-05-01"}},
        "Ann, 1990",
    ),
    (
        remind,
        "remind(on: 'YYYY-MM-DD', at: 'YYYY-MM-DDTHH:MM:SS' | None = None) -> str",
        {"on": "2026-05-01", "at": "2026-05-01T10:00:00"},
        "2026-05-01 datetime",
    ),
    (pair, "pair(pairs: list[[str, int]]) -> str", {"pairs": [["a", 1]]}, "tuple"),
    (tally, "tally(table: dict[str, list[int]]) -> int", {"table": {"a": [1, 2], "b": []}}, 3),
    (
        fly,
        "fly(legs: list[{'number': str, 'day': str}]) -> str",
        {"legs": [{"number": "N", "day": "1"}]},
        "N",
    ),
    (choose, "choose(kind: Literal['a', 'b'] = 'a', note: str | None = None) -> str", {"note": "é"}, "aé"),
    (repeat, "repeat(word: str, /, times: int = 1) -> str", {"word": "ha", "times": 2}, "haha"),
    (add, "add(*points: {'x': float, 'y': float}) -> float", {"points": [{"x": 1}, {"x": 2, "y": 3}]}, 3.0),
]


@pytest.mark.parametrize(
    ("function", "signature", "given", "gives"), CASES, ids=[case[0].__name__ for case in CASES]
)
def test_what_is_told_can_be_called_and_arrives_as_declared(
    function: Callable[..., Any], signature: str, given: dict[str, Any], gives: Any
) -> None:
    made = tool(function)
    assert made.spec.signature == signature
    result = made.call(None, [], given)
    assert (result.ok, result.value) == (True, gives)
    assert set(made.spec.parameters["properties"]) >= set(given)


@pytest.mark.parametrize(
    ("function", "given", "says"),
    [
        (paint, {"colour": "green"}, "paint: colour: input should be 'red' or 'blue', not 'green'"),
        (move, {"point": {"x": "1"}}, "move: point.x: input should be a valid number, not '1'"),
        (invite, {"guest": {"born": None}}, "invite: guest.name: field required"),
        (remind, {"on": "tomorrow"}, "remind: on: input should be a valid date"),
        (pair, {"pairs": [["a", "b"]]}, "pair: pairs.0.1: input should be a valid integer, not 'b'"),
        (tally, {"table": {"a": [1, None]}}, "tally: table.a.1: input should be a valid integer, not None"),
        (
            fly,
            {"legs": [{"number": "N"}]},
            "fly: legs must be a list of values that are each an object with day",
        ),
        (choose, {"kind": "c"}, "choose: kind must be one of 'a', 'b', not 'c'"),
        (
            repeat,
            {"word": "ha", "times": 0},
            "repeat: times: input should be greater than or equal to 1, not 0",
        ),
        (add, {"points": [{"x": None}]}, "add: points.x: input should be a valid number, not None"),
        (paint, {"colour": float("nan")}, "paint: colour"),
        (paint, {"colour": "\ud800"}, "paint: colour"),
        (paint, {}, "paint: missing a required argument: 'colour'"),
    ],
)
def test_what_does_not_fit_is_named_and_never_reaches_the_function(
    function: Callable[..., Any], given: dict[str, Any], says: str
) -> None:
    result = tool(function).call(None, [], given)
    assert (result.ok, result.raises, result.error) == (False, True, "")
    assert str(result.value).startswith(says)


def google(title: str, copies: int = 1) -> None:
    """Order a book.

    It is sent by post.

    Args:
        title (str): What it is called,
            as on the cover.
        copies: How many.

    Raises:
        ValueError: if there is none.
    """


def numpy(title: str, copies: int = 1) -> None:
    """Order a book.

    It is sent by post.

    Parameters
    ----------
    title : str
        What it is called,
        as on the cover.
    copies : int, optional
        How many.

    Returns
    -------
    None
    """


def sphinx(title: str, copies: int = 1) -> None:
    """Order a book.

    It is sent by post.

    :param title: What it is called,
        as on the cover.
    :param copies: How many.
    :raises ValueError: if there is none.
    """


def annotated(
    title: Annotated[str, "What it is called, as on the cover."],
    copies: Annotated[int, Field(description="How many.")] = 1,
) -> None:
    """Order a book. It is sent by post."""


@pytest.mark.parametrize("function", [google, numpy, sphinx, annotated])
def test_every_style_of_docstring_says_the_same(function: Callable[..., Any]) -> None:
    spec = tool(function).spec
    assert spec.description == "Order a book. It is sent by post."
    properties = spec.parameters["properties"]
    assert properties["title"]["description"] == "What it is called, as on the cover."
    assert properties["copies"] == {"type": "integer", "default": 1, "description": "How many."}
    assert spec.parameters["required"] == ["title"]


def untyped(title) -> None:  # type: ignore[no-untyped-def]  # this is what is tested
    """Order."""


def options(**more: str) -> None:
    """Order."""


def callback(then: Callable[[], None]) -> None:
    """Order."""


@pytest.mark.parametrize(
    ("function", "cure"),
    [
        (
            untyped,
            "the parameter title has no type, so nobody is told what to give; write one, as in title: str",
        ),
        (options, "no caller can know what **more takes; write each option as a parameter"),
        (callback, "the parameter then has a type that JSON has no values for"),
    ],
)
def test_a_parameter_that_no_caller_could_give_is_an_error_with_the_cure(
    function: Callable[..., Any], cure: str
) -> None:
    with pytest.raises(EnvironmentDataError, match=re.escape(f"{function.__name__}: {cure}")):
        tool(function)


def returns(value: Any) -> Tool:
    def give() -> Any:
        """Give."""
        return value

    return tool(give)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Point(1, 2), {"x": 1, "y": 2}),
        (Guest(name="Ann"), {"name": "Ann", "born": None}),
        ([dt.date(2026, 5, 1), Colour.RED], ["2026-05-01", "red"]),
        ({"b", "a", "c"}, ["a", "b", "c"]),
        ((1, "a"), [1, "a"]),
        ({"inner": {Colour.BLUE}}, {"inner": ["blue"]}),
    ],
)
def test_results_become_json(value: Any, told: Any) -> None:
    assert returns(value).call(None, [], {}).value == told


@pytest.mark.parametrize("value", [float("inf"), object(), {"a": float("nan")}])
def test_a_result_that_json_cannot_hold_is_an_error_of_the_tool(value: Any) -> None:
    result = returns(value).call(None, [], {})
    assert (result.ok, result.raises) == (False, True)
    assert "gave no JSON value" in result.value
    assert result.error
