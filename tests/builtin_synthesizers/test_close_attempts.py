"""Failure cases that a challenger left out are drawn: they run, they are wrong, and the judge agrees."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any, ClassVar

import pytest

import selfchal
from selfchal.builtin_synthesizers.answer import Draft, Refusal
from selfchal.builtin_synthesizers.close_attempts import complete_draft, list_wrong_answers
from selfchal.builtin_synthesizers.unassigned_results import assign_result
from selfchal.core.arena import Arena
from selfchal.core.judge import Stage
from selfchal.core.sandbox import Execution, Limits, Program, Sandbox, Status
from selfchal.core.task import Task
from selfchal.core.world import ToolHost
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.testing.in_process import InProcessSandbox
from tests.support.shop import Shop

CITY = Draft(
    "Send the order W101 of user 'ann' to Rome.",
    "def evaluate():\n    return get_order('W101')['city'] == 'Rome'",
    "set_city('W101', city='Rome')",
    ("set_city('W102', 'Rome')",),
)
ASKED = Draft(
    "In which city is the order W103? Answer with its name.",
    "def evaluate(answer):\n    return answer == 'Rome'",
    "result = get_order('W103')['city']",
    (),
)


def complete(draft: Draft, sandbox: Sandbox | None = None, seed: int = 3) -> Draft:
    made = complete_draft(draft, Arena(Shop(), sandbox or InProcessSandbox(), Limits()), {}, seed)
    assert isinstance(made, Draft)
    return made


class AskingShop(Shop):
    """Its tasks may ask for an answer."""

    answer_required: ClassVar[bool] = True


@pytest.mark.parametrize(
    ("draft", "shop"), [(CITY, Shop()), (ASKED, AskingShop())], ids=["about the state", "about an answer"]
)
def test_three_cases_stand_there_and_the_judge_keeps_the_task(
    draft: Draft, shop: Shop, process_sandbox: Sandbox
) -> None:
    arena = Arena(shop, process_sandbox, Limits())
    made = complete_draft(draft, arena, {}, seed=3)
    assert isinstance(made, Draft)
    assert made.drawn == 3 - len(draft.failures)
    assert made.failures[: len(draft.failures)] == draft.failures
    assert len(set(made.failures)) == 3
    task = Task("t", "shop", {}, made.instruction, made.evaluate, made.solution, made.failures)
    verdict = Judge(SandboxTaskRunner(arena))(task)
    assert verdict.passed, verdict.reason


def test_a_drawn_case_changes_what_the_solution_changes_and_not_to_the_same() -> None:
    arena = Arena(Shop(), InProcessSandbox(), Limits())
    final = arena.environment.open({})
    arena.sandbox.run(Program(CITY.solution), final, arena.limits)
    for case in complete(replace(CITY, failures=())).failures:
        world = arena.environment.open({})
        execution = arena.sandbox.run(Program(case), world, arena.limits)
        assert execution.ok
        assert case.startswith("set_city(")
        assert world.digest() not in (final.digest(), arena.environment.open({}).digest())


def test_cases_that_do_not_run_are_left_out() -> None:
    wrong = "set_city(order_id='W101', town='Rome')"
    made = complete(replace(CITY, failures=(wrong, *CITY.failures)))
    assert wrong not in made.failures
    assert made.failures[0] == CITY.failures[0]
    assert len(made.failures) == 3


def test_cases_that_end_as_the_solution_does_are_left_out() -> None:
    same = "result = None\nset_city(order_id='W101', city='Rome')"
    assert same not in complete(replace(CITY, failures=(same, *CITY.failures))).failures


def test_enough_cases_stay_as_they_are() -> None:
    full = replace(CITY, failures=tuple(f"set_city('W101', 'Town {i}')" for i in range(4)))
    assert complete(full) == full


def test_the_same_seed_draws_the_same_and_another_one_others() -> None:
    none = replace(CITY, failures=())
    assert complete(none) == complete(none)
    assert len({complete(none, seed=seed).failures for seed in range(6)}) > 1


@pytest.mark.parametrize("idle", ["get_user('ann')", "set_city('W101', 'Oslo')"])
def test_a_solution_that_does_nothing_is_refused_with_that_reason(idle: str) -> None:
    made = complete_draft(
        replace(CITY, solution=idle), Arena(AskingShop(), InProcessSandbox(), Limits()), {}, 3
    )
    assert isinstance(made, Refusal)
    assert made.reason.startswith("The solution changes nothing and assigns nothing to result")
    assert "or one that asks for a value" in made.reason


def test_one_value_is_altered_however_deep_it_stands() -> None:
    def add(state: dict[str, Any], notes: list[dict[str, str]]) -> str:
        """Add notes, each with an author and a text."""
        state["notes"] += notes
        return "added"

    def read(state: dict[str, Any]) -> list[dict[str, str]]:
        """Read the notes."""
        return list(state["notes"])

    start = {"notes": [{"author": name, "text": f"{name} was here"} for name in ("Ann", "Bob", "Cleo")]}
    board = selfchal.open_environment(
        selfchal.small_environment("board", start=start, reads=[read], writes=[add])
    )
    draft = Draft("", "", "add([{'author': 'Ann', 'text': 'Bob was here'}])", ())
    made = complete_draft(draft, Arena(board, InProcessSandbox(), Limits()), {}, 3)
    assert isinstance(made, Draft)
    cases = [ast.literal_eval(case.removeprefix("add(notes=").removesuffix(")")) for case in made.failures]
    assert all(len(case) == 1 and case[0].keys() == {"author", "text"} for case in cases)
    assert all((case[0]["author"] == "Ann") != (case[0]["text"] == "Bob was here") for case in cases)


def test_a_solution_that_does_not_run_is_refused_with_its_traceback() -> None:
    broken = replace(CITY, solution="set_city('W999', 'Rome')", failures=("nonsense(",))
    made = complete_draft(broken, Arena(Shop(), InProcessSandbox(), Limits()), {}, 3)
    assert isinstance(made, Refusal)
    assert made.stage is Stage.RAN
    assert made.reason.startswith("the solution does not run: ")
    assert "there is no 'W999' among the orders" in made.feedback


def test_a_sandbox_that_fails_is_left_to_the_judge() -> None:
    class FailsLater(InProcessSandbox):
        def run(self, program: Program, tools: ToolHost | None, limits: Limits) -> Execution:
            done = super().run(program, tools, limits)
            return done if program.source == CITY.solution else replace(done, status=Status.INFRA_ERROR)

    assert complete(CITY, FailsLater()) == CITY


@pytest.mark.parametrize("answer", [True, 3, 2.5, "Rome", ["Rome"], None])
def test_wrong_answers_are_wrong(answer: object) -> None:
    found = list_wrong_answers(answer, ["Rome", "Oslo", 3, 4, 2.5, True])
    assert answer not in found
    assert len(found) >= 2


@pytest.mark.parametrize(
    ("source", "completed"),
    [
        ("price = add(1, 2)", "price = add(1, 2)\nresult = price"),
        ("x = 1\nadd(x, 2)", "x = 1\nresult = add(x, 2)"),
        ("x = 1\nadd(\n    x,\n    2,\n)  # three", "x = 1\nresult = add(\n    x,\n    2,\n)  # three"),
        ("result = 3\nprint(result)", "result = 3\nprint(result)"),
        ("x = 1\nprint(x)", "x = 1\nprint(x)"),
        ("for i in range(3):\n    x = i", "for i in range(3):\n    x = i"),
        ("x = 1; add(x, 2)", "x = 1; add(x, 2)"),
        ("a, b = 1, 2", "a, b = 1, 2"),
        ("x = (", "x = ("),
    ],
)
def test_the_last_value_is_the_result_where_none_is_assigned(source: str, completed: str) -> None:
    assert assign_result(source) == completed


def test_a_task_whose_solution_assigns_no_result_is_kept(process_sandbox: Sandbox) -> None:
    arena = Arena(AskingShop(), process_sandbox, Limits())
    made = complete_draft(replace(ASKED, solution="city = get_order('W103')['city']"), arena, {}, seed=3)
    assert isinstance(made, Draft)
    task = Task("t", "shop", {}, made.instruction, made.evaluate, made.solution, made.failures)
    assert Judge(SandboxTaskRunner(arena))(task).passed
