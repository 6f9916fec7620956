"""One run after the other in one process: what each verifier is taken to have said, and what none can see."""

from __future__ import annotations

import pytest

from selfchal.judging.guest.runs import RAISED, RAN_OUT, Runs
from selfchal.judging.guest.worlds import Worlds
from selfchal.judging.source.except_hooks import hook_excepts
from tests.judging.guest.tools import READING, WRITING, give_tools, make_board

MOST_CALLS = 5


@pytest.fixture
def runs() -> Runs:
    given = give_tools(make_board())
    worlds = Worlds(given, READING, WRITING)
    worlds.throw_away(0)
    return Runs(given, worlds, MOST_CALLS)


def judge(runs: Runs, body: str, answer: str = "2") -> bool | str:
    lines = "\n    ".join(body.splitlines())
    source = hook_excepts(f"def evaluate(answer):\n    {lines}\n")
    return runs.judge(compile(source, "<task>", "exec"), answer)


DEEP = "def deep():\n    return deep()\n"


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("return answer == 2", True),
        ("return answer == 3", False),
        ("assert answer == 3", False),
        ("return get_order('W101')['city'] == 'Oslo'", True),
        ("return 1", RAISED),
        ("pass", RAISED),
        ("return answer['x']", RAISED),
        # These could go otherwise in a process of their own.
        (f"{DEEP}deep()", RAN_OUT),
        (f"{DEEP}try:\n    deep()\nexcept RecursionError:\n    return True", RAN_OUT),
        (f"{DEEP}try:\n    deep()\nexcept Exception:\n    assert False", RAN_OUT),
        ("get_order('W999')", RAN_OUT),  # a refused call is a RuntimeError, as too many calls are
        (f"for _ in range({MOST_CALLS}): get_order('W101')\nreturn True", True),
        (f"for _ in range({MOST_CALLS + 1}): get_order('W101')\nreturn True", RAN_OUT),
        ("try:\n    get_order('W999')\nexcept RuntimeError:\n    return True", True),
    ],
)
def test_the_verdict(runs: Runs, body: str, verdict: bool | str) -> None:
    assert judge(runs, body) == verdict


def test_a_verifier_without_a_parameter_gets_no_answer(runs: Runs) -> None:
    assert runs.judge(compile("def evaluate(): return True", "<task>", "exec"), "2") is True


def test_a_run_that_ran_out_does_not_burden_the_next(runs: Runs) -> None:
    assert judge(runs, f"{DEEP}try:\n    deep()\nexcept RecursionError:\n    return True") == RAN_OUT
    assert judge(runs, f"for _ in range({MOST_CALLS + 1}): get_order('W101')\nreturn True") == RAN_OUT
    assert judge(runs, "return True") is True


def test_no_run_sees_the_names_of_another(runs: Runs) -> None:
    runs.run(compile("seen = 1", "<task>", "exec"))
    assert judge(runs, "return 'seen' in globals()") is False
