"""Values that tools may hold and that arithmetic, texts or files stumble over: the judge comes to a verdict.

Tools of one's own hand out whatever stands in one's data. A task over it is sound or not like any other.
"""

from __future__ import annotations

from typing import Any

import pytest

from selfchal import judge, open_environment, open_sandbox, small_environment
from selfchal.core.judge import Outcome

State = dict[str, Any]
ODD_VALUES = {
    "too large for a float": 10**400,
    "too small for a float": -(10**350),
    "the largest float": 1.7e308,
    "half of a surrogate pair": "\ud800",
    "a zero byte": "a\0b",
    "a long text": "x" * 10_000,
    "escapes of a terminal": "\x1b[2J\x1b]0;title\x07",
    "many digits": "9" * 5_000,
}


def accounts(state: State) -> list[dict[str, Any]]:
    """List the accounts."""
    return list(state["accounts"].values())


def account(state: State, name: str) -> dict[str, Any]:
    """Read an account."""
    return dict(state["accounts"][name])


def note(state: State, name: str, value: int | float | str) -> str:
    """Note something about an account."""
    state["accounts"][name]["note"] = value
    return "noted"


def make_bank(odd: Any) -> Any:
    rows = {
        name: {"name": name, "balance": 10 * index, "odd": odd, "id": f"AB1{index}", "note": None}
        for index, name in enumerate(("emma", "noah", "olivia"))
    }
    return small_environment("bank", start={"accounts": rows}, reads=[accounts, account], writes=[note])


@pytest.mark.parametrize("odd", ODD_VALUES.values(), ids=ODD_VALUES)
def test_an_odd_value_costs_no_task_its_verdict(odd: Any) -> None:
    about_state = {
        "instruction": "Note 7 about the account of emma.",
        "evaluate": "def evaluate():\n    return account('emma')['note'] == 7",
        "solution": "note('emma', 7)",
        "failures": ["note('noah', 7)", "note('emma', 8)", "note('emma', 6)"],
    }
    about_answer = {
        "instruction": "What is the odd value of emma's account?",
        "evaluate": "def evaluate(answer):\n    return answer == account('emma')['odd']",
        "solution": "result = account('emma')['odd']",
        "failures": ["result = 1", "result = 2", "result = 'x'"],
    }
    handed_on = {
        "instruction": "Note the odd value of noah's account about the account of emma.",
        "evaluate": "def evaluate():\n    return account('emma')['note'] == account('noah')['odd']",
        "solution": "note('emma', account('noah')['odd'])",
        "failures": ["note('noah', account('noah')['odd'])", "note('emma', 8)", "note('emma', 'x')"],
    }
    by_heart = {
        "instruction": f"Note {str(odd)[:600]!r} about the account of emma.",
        "evaluate": f"def evaluate():\n    return account('emma')['note'] == {odd!r}",
        "solution": f"note('emma', {odd!r})",
        "failures": ["note('emma', 1)", "note('emma', 8)", "note('emma', 'x')"],
    }
    with open_sandbox("process") as sandbox:
        environment = open_environment(make_bank(odd))
        for task in (about_state, about_answer):
            verdict = judge(task, environment, sandbox=sandbox)
            assert verdict.outcome is Outcome.PASSED, (task["instruction"], verdict)
        for task in (handed_on, by_heart):
            verdict = judge(task, environment, sandbox=sandbox)
            assert verdict.outcome is not Outcome.COULD_NOT_CHECK, verdict
