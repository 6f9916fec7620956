"""What is wrong with a small environment is said when it is made, with the cure; what is right works."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest

from selfchal import HeldOut, small_environment
from selfchal.core.errors import EnvironmentDataError

State = dict[str, Any]


def show(state: State) -> list[str]:
    """Show the list."""
    return list(state["items"])


def add(state: State, item: str) -> str:
    """Add an item."""
    state["items"].append(item)
    return f"added {item}"


def peek(state: State) -> str:
    """Look at the last item."""
    return str(state["items"].pop())


def stamp(state: State, day: dt.date) -> str:
    """Write a date down."""
    state["day"] = day
    return "ok"


def keep(state: State, day: dt.date) -> str:
    """Write a date down, as JSON has it."""
    state["day"] = day.isoformat()
    return "ok"


def knot(state: State) -> str:
    """Tie the state to itself."""
    state["self"] = state
    return "ok"


def slip(state: State) -> str:
    """Read what is not there."""
    return undefined  # type: ignore[name-defined,no-any-return]  # noqa: F821 — this is what is tested


def untyped(state: State, item) -> str:  # type: ignore[no-untyped-def]  # this is what is tested
    """Add an item."""
    return "ok"


def stateless() -> str:
    """Say something."""
    return "ok"


async def later(state: State) -> str:
    """Come back."""
    return "ok"


def print(state: State, item: str) -> str:  # noqa: A001 — as a beginner writes it
    """Print a label."""
    return item


def evaluate(state: State, item: str) -> str:
    """Say what an item is worth."""
    return item


class Shop:
    def sell(self, item: str) -> str:
        """Sell an item."""
        return item


START = {"items": ["milk"]}


def make(**changes: Any) -> type[Any]:
    return small_environment("shopping", **{"start": START, "reads": [show], "writes": [add], **changes})


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: make(start=[]), "start is a dict whose keys name the parts of the state, not []"),
    (
        lambda: make(start={"items": (1, 2)}),
        "start has state['items'] as a tuple, which JSON does not have; keep a list",
    ),
    (
        lambda: make(start={"items": {1: "a"}}),
        "state['items'] as a dict with the key 1; the keys of JSON are texts: '1'",
    ),
    (lambda: make(start={"items": [dt.date(2026, 1, 1)]}), "state['items'][0] as a date"),
    (lambda: make(start={"items": float("nan")}), "state['items'] as nan, a number that JSON does not have"),
    (lambda: make(reads=[], writes=[]), "has no tools; list functions under reads= and writes="),
    (
        lambda: make(reads=[show, peek]),
        "peek is listed under reads= and changed state['items']; list it under writes=",
    ),
    (lambda: make(reads=[slip]), "the tool slip fails: NameError: name 'undefined' is not defined"),
    (lambda: make(writes=[untyped]), "the parameter item has no type"),
    (lambda: make(reads=[stateless]), "stateless has no parameter for the state; write it first"),
    (lambda: make(reads=[later]), "later is async"),
    (lambda: make(reads=[print]), "a tool cannot be called print"),
    (lambda: make(reads=[evaluate]), "a tool cannot be called evaluate"),
    (lambda: make(writes=[Shop().sell]), "sell is a method of an object"),
    (lambda: make(start={"items": [Shop]}), "state['items'][0] as a type"),
    (lambda: make(start={"items": object()}), "state['items'] as an object, which JSON does not have"),
    (lambda: make(reads=[lambda state: 1]), "cannot be a tool, for a tool is called by its name"),
    (lambda: make(reads=[show, show]), "two tools are called show"),
    (lambda: make(reads=[show], writes=[show]), "two tools are called show"),
    (lambda: make(explore=lambda seed: "Ann"), "explore(0) gave a str; it gives a dict"),
    (
        lambda: make(explore=lambda seed: {"day": dt.date(2026, 1, 1)}),
        "explore(0) gave context['day'] as a date",
    ),
    (lambda: make(user="human"), "user='human' is none of scripted, llm, react"),
    (lambda: open_with(HeldOut("Add.", [("add", {"item": 3})])), "add: item must be a string, not 3"),
    (lambda: open_with(HeldOut("Count.", answer=(1, 2))), "has answer as a tuple"),
    (
        lambda: open_with(HeldOut("Count.", answer=1, match="integer")),
        "match='integer' is none of number, list",
    ),
    (lambda: open_with(*[HeldOut("Count.", answer=1)] * 2), "two held-out tasks are the same: 'Count.'"),
]


def open_with(*tasks: HeldOut, **changes: Any) -> Any:
    cls = make(test_tasks=tasks, **changes)
    return cls(cls.Config())


@pytest.mark.parametrize(("made", "says"), WRONG, ids=[says for _, says in WRONG])
def test_what_is_wrong_is_said_with_the_cure(made: Callable[[], Any], says: str) -> None:
    with pytest.raises(EnvironmentDataError, match=re.escape(says)) as caught:
        made()
    assert str(caught.value).startswith("shopping")


def test_a_reader_that_writes_is_told_so_and_changes_nothing() -> None:
    def take(state: State, count: int) -> list[str]:
        """Take items."""
        taken = state["items"][:count]
        del state["items"][:count]
        return list(taken)

    world = open_with(reads=[show, take]).open({})
    before = world.digest()
    result = world.call("take", (), {"count": 1})
    assert (result.ok, result.error) == (False, "ReaderChangedState")
    assert "list it under writes=" in result.value
    assert world.digest() == before
    assert world.call("take", (), {"count": 0}).value == []


@pytest.mark.parametrize(("writer", "says"), [(stamp, "state['day'] as a date"), (knot, "a part of itself")])
def test_a_state_that_json_cannot_hold_is_refused_when_it_is_written(writer: Any, says: str) -> None:
    world = open_with(writes=[writer]).open({})
    result = world.call(writer.__name__, (), {"day": "2026-05-01"} if writer is stamp else {})
    assert (result.ok, result.error) == (False, "StateIsNoJson")
    assert says in result.value
    assert not world.difference()


def test_arguments_arrive_as_declared_and_the_state_stays_json() -> None:
    world = open_with(writes=[keep]).open({})
    assert world.call("keep", (), {"day": "2026-05-01"}).ok
    assert [change.after for change in world.difference()] == ["2026-05-01"]


def test_copies_share_nothing_that_is_written() -> None:
    world = open_with().open({})
    fork = world.fork()
    fork.call("add", ("eggs",), {})
    assert world.call("show", (), {}).value == ["milk"]
    world.call("add", ("tea",), {})
    assert fork.call("show", (), {}).value == ["milk", "eggs"]
    world.reset()
    assert world.call("show", (), {}).value == ["milk"]


def test_agents_read_unicode_as_it_is() -> None:
    world = open_with().open({})
    world.call("add", ("café",), {})
    assert world.show(world.call("show", (), {})) == '["milk", "café"]'


def test_held_out_tasks_of_all_forms_are_graded() -> None:
    environment = open_with(
        HeldOut("Add eggs.", [("add", {"item": "eggs"})]),
        HeldOut("How many items are there?", [("show", {})], answer=1),
        HeldOut("Add tea and say how many there are then.", [("add", {"item": "tea"})], answer=2),
    )
    state, answer, both = environment.test_tasks("test")
    fresh, eggs, tea = (environment.open({}) for _ in range(3))
    eggs.call("add", ("eggs",), {})
    tea.call("add", ("tea",), {})
    assert environment.grade(state, eggs, "whatever", [])
    assert not environment.grade(state, fresh, "done", [])
    assert environment.grade(answer, fresh, "1.0", [])
    assert not environment.grade(answer, fresh, None, [])
    assert not environment.grade(answer, eggs, "1", [])
    assert environment.grade(both, tea, "two", [])
    assert not environment.grade(both, tea, "3", [])
    assert not environment.grade(both, fresh, "2", [])


def test_a_user_is_served_and_told_the_answer() -> None:
    environment = open_with(HeldOut("How many items are there?", [("show", {})], answer=1), user="scripted")
    (task,) = environment.test_tasks("test")
    assert not environment.answer_required
    assert "How many items" in environment.user(task.instruction, {}, None).open()
    world = environment.open({})
    assert environment.grade(task, world, None, ["One moment.", "There is 1 item."])
    assert not environment.grade(task, world, None, ["There are 11 items."])
    with pytest.raises(EnvironmentDataError, match="needs a model to play the user"):
        open_with(user="llm").user("Hi", {}, None)


def test_a_user_of_ones_own_is_asked() -> None:
    class Curt:
        def open(self) -> str:
            return "Do it."

        def reply(self, said: str) -> None:
            return None

    environment = open_with(user=lambda instruction, context, chat: Curt())
    assert environment.user("x", {}, None).open() == "Do it."
