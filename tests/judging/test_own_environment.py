"""In an environment of one's own the task decides whether an answer counts, or what changed."""

from __future__ import annotations

from typing import Any

import pytest

from selfchal import judge, small_environment


def todos(state: dict[str, Any]) -> list[Any]:
    """List the to-dos."""
    return list(state["todos"])


def add(state: dict[str, Any], title: str) -> str:
    """Add a to-do.

    Args:
        title: What is to be done.
    """
    state["todos"].append({"title": title, "done": False})
    return "added"


def finish(state: dict[str, Any], title: str) -> str:
    """Mark a to-do as done.

    Args:
        title: Which one.
    """
    for one in state["todos"]:
        if one["title"] == title:
            one["done"] = True
            return "done"
    raise ValueError("no such to-do")


START = {"todos": [{"title": title, "done": False} for title in ("buy milk", "call Emma", "water plants")]}
TodoList = small_environment("todo_list", start=START, reads=[todos], writes=[add, finish])
EMMA = {
    "instruction": "Mark the to-do 'call Emma' as done.",
    "evaluate": "def evaluate():\n    return [t['title'] for t in todos() if t['done']] == ['call Emma']",
    "solution": "finish('call Emma')",
    "failures": ["finish('buy milk')", "add('call Emma')", "finish('call Emma')\nfinish('buy milk')"],
}
COUNT = {
    "instruction": "How many to-dos are open?",
    "evaluate": "def evaluate(answer):\n    return answer == 3",
    "solution": "result = sum(not t['done'] for t in todos())",
    "failures": ["result = 2", "result = 4", "result = 'call Emma'"],
}
BOTH = {
    "instruction": "Mark 'call Emma' as done and tell me how many to-dos are still open.",
    "evaluate": "def evaluate(answer):\n"
    "    return answer == 2 and all(t['done'] for t in todos() if t['title'] == 'call Emma')",
    "solution": "finish('call Emma')\nresult = sum(not t['done'] for t in todos())",
    "failures": ["finish('buy milk')\nresult = 2", "finish('call Emma')\nresult = 3", "result = 2"],
}


@pytest.mark.parametrize("task", [EMMA, COUNT, BOTH], ids=["state", "answer", "both"])
def test_sound_tasks_of_each_kind_are_kept(task: dict[str, Any]) -> None:
    verdict = judge(task, TodoList)
    assert verdict.passed, verdict.reason


def test_a_verifier_that_takes_another_record_falls() -> None:
    lax = "def evaluate():\n    return any(t['done'] for t in todos())"
    failures = ["add('x')", "add('y')", "add('call Emma')"]
    task = {**EMMA, "evaluate": lax, "solution": "print(todos())\nfinish('call Emma')", "failures": failures}
    verdict = judge(task, TodoList)
    assert not verdict.passed
    assert "evaluate accepts" in verdict.reason
