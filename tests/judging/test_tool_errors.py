"""What tools raise is counted by tool and kind, and a slip in a tool's own code is told apart."""

from __future__ import annotations

from typing import Any

from selfchal import judge, small_environment
from selfchal.core.world import Call
from selfchal.judging.tool_errors import add_counts, count_calls, describe_errors


def call(tool: str, error: str = "", ok: bool = False) -> Call:
    return Call(tool, (), {}, None, ok, False, error)


def test_calls_are_counted_by_tool_and_kind() -> None:
    first = count_calls([call("lend", "KeyError"), call("lend", ok=True), call("find")])
    both = add_counts([first, count_calls([call("lend", "ValueError"), call("lend", "KeyError")])])
    assert both == {
        "lend": {"calls": 4, "errors": {"KeyError": 2, "ValueError": 1}},
        "find": {"calls": 1, "errors": {}},
    }
    assert list(describe_errors(both)) == ["lend raised in 3 of 4 calls (KeyError 2, ValueError 1)"]


def test_a_slip_and_a_tool_that_never_works_are_named() -> None:
    slip = count_calls([call("lend", "NameError"), call("lend", ok=True), call("find", "KeyError")])
    assert list(describe_errors(slip)) == [
        "lend raised in 1 of 2 calls (NameError 1): NameError is a slip in the tool's own code",
        "find raised in 1 of 1 calls (KeyError 1): no call of it has worked, so look at its code",
    ]


def count(state: dict[str, Any]) -> int:
    """How many there are."""
    return len(state["items"])


def add(state: dict[str, Any], item: str) -> str:
    """Add an item."""
    state["items"].append(itme)  # type: ignore[name-defined]  # noqa: F821 — the slip that is tested
    return "ok"


Shelf = small_environment("shelf", start={"items": []}, reads=[count], writes=[add])


def test_a_slip_is_seen_in_what_the_judge_notes() -> None:
    task = {
        "instruction": "Add milk.",
        "evaluate": "def evaluate():\n    return count() == 1",
        "solution": "count()\nadd('milk')",
        "failures": ["count()", "count()", "result = 1"],
    }
    verdict = judge(task, Shelf)
    assert not verdict.passed
    assert verdict.diagnostics["tool_calls"]["add"] == {"calls": 1, "errors": {"NameError": 1}}
