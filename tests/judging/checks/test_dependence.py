from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from selfchal.core.arena import Arena
from selfchal.core.judge import Stage, Verdict
from selfchal.core.sandbox import Limits
from selfchal.core.task import Task
from selfchal.judging import Judge
from selfchal.judging.checks.dependence import CHANGES, alter
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.testing.in_process import InProcessSandbox
from tests.support.shop import COUNT, ShopEnvironment


def judged(task: Task) -> Verdict:
    return Judge(SandboxTaskRunner(Arena(ShopEnvironment(), InProcessSandbox(), Limits())))(task)


def test_a_solution_that_calls_no_tool_falls() -> None:
    verdict = judged(replace(COUNT, solution="result = 4 / 2", instruction="What is 4 divided by 2, ann?"))
    assert (verdict.stage, verdict.reason) == (Stage.STRONG, "the solution calls no tool")


def test_a_solution_that_calls_a_tool_for_show_falls() -> None:
    task = replace(
        COUNT,
        solution='get_user("ann")\nresult = "xyzzy"',
        evaluate="def evaluate(answer):\n    return answer == 'xyzzy'",
        failures=("result = 'a'", "result = 'b'", "result = 'c'"),
    )
    assert judged(task).reason == "the answer does not depend on what any tool says"


def test_an_answer_that_was_read_and_written_down_is_fine() -> None:
    task = replace(COUNT, solution='found = get_user("ann")["orders"]\nresult = 2')
    assert judged(task).passed


def test_an_answer_that_stands_in_the_instruction_falls() -> None:
    task = replace(
        COUNT,
        instruction="The code of user ann is 'a-2000': what is the code of ann?",
        solution='result = "a-2000" if get_user("ann") else ""',
        evaluate="def evaluate(answer):\n    return answer == 'a-2000'",
        failures=("result = 'a'", "result = 'b'", "result = 'c'"),
    )
    assert judged(task).reason == "the instruction gives the answer away: 'a-2000'"


@pytest.mark.parametrize(
    ("solution", "depends"),
    [
        ("result = 'less' if count('ann') < count('bob') else 'more'", True),
        ("result = 'same' if code('ann') == code('bob') else 'other'", True),
        ("result = 'same' if code('ann') == code('eve') else 'other'", True),
        ("code('ann')\nresult = 'less'", False),
    ],
)
def test_a_comparison_of_what_tools_say_depends_on_them(solution: str, depends: bool) -> None:
    counts, codes = {"ann": 1, "bob": 4}, {"ann": "x1", "bob": "y2", "eve": "x1"}
    found = set()
    for change in (lambda value, _: value, *CHANGES):
        numbers = itertools.count()
        names = {
            "count": lambda name, c=change, n=numbers: c(counts[name], next(n)),
            "code": lambda name, c=change, n=numbers: c(codes[name], next(n)),
        }
        exec(solution, names)
        found.add(str(names["result"]))
    assert (len(found) > 1) is depends


@pytest.mark.parametrize("value", [True, 3, 2.5, "x", [], [1], {}, {"a": "b"}, [{"a": [1]}]])
def test_altered_values_differ_and_keep_their_type(value: object) -> None:
    assert type(alter(value)) is type(value)
    assert alter(value) != value or value == []
