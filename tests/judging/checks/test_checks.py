"""The checks past the paper's filter: each with sound code that it lets pass, and faults that it must see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfchal.core.arena import Arena
from selfchal.core.evidence import Attempt
from selfchal.core.judge import Stage, Verdict
from selfchal.core.sandbox import Limits
from selfchal.core.task import Task
from selfchal.judging import Judge
from selfchal.judging.checks.attempts import Attempts, AttemptsConfig
from selfchal.judging.checks.standard import make_standard_checks
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.judging.source.nondeterminism import asks_nondeterminism
from selfchal.testing.in_process import InProcessSandbox
from tests.support.shop import CANCEL, COUNT, Shop, ShopEnvironment


def judged(task: Task) -> Verdict:
    environment = ShopEnvironment() if task.environment == "desk" else Shop()
    return Judge(SandboxTaskRunner(Arena(environment, InProcessSandbox(), Limits())))(task)


ASKS = [
    "import time\ntime.time()",
    "from time import time as t\nt()",
    "import datetime\nf = datetime.datetime.now",
    "from datetime import date\ndate.today()",
    "import random\nrandom.random()",
    "from random import choice\nchoice([1, 2])",
    "import random\nrandom.Random()",
    "import uuid\nuuid.uuid4()",
    "import secrets\nsecrets.token_hex()",
    "__import__('time').time()",
    "id(x)",
]
ASKS_NOT = [
    "import datetime\ndatetime.datetime.strptime('2024-05-01', '%Y-%m-%d')",
    "import random\nrandom.Random(7).random()",
    "import random\nrandom.seed(7)\nrandom.random()",
    "import time\ntime.strftime('%Y', moment)",
    "order['time'].time()",
    "now = 3\nnow()",
]


@pytest.mark.parametrize("source", ASKS)
def test_clocks_and_chance_are_seen(source: str) -> None:
    assert asks_nondeterminism(source)


@pytest.mark.parametrize("source", ASKS_NOT)
def test_dates_and_seeds_are_not_chance(source: str) -> None:
    assert asks_nondeterminism(source) is None


@pytest.mark.parametrize(
    "condition",
    [
        "list({'W101', 'W102'})[0] == list(sorted({'W101', 'W102'}, key=hash_free))[0]",
        "next(iter(set(['W101', 'W102']))) == FIRST",
        "list({'W101', 'W102'} | {'W103'})[0] == MIXED",
        "','.join(frozenset(['W101', 'W102'])) == JOINED",
    ],
)
def test_the_order_of_a_set_shows(condition: str) -> None:
    """Whatever the order is in this process, the verdict hangs on it."""
    names = (
        f"FIRST = {next(iter({'W101', 'W102'}))!r}\nMIXED = {next(iter({'W101', 'W102'} | {'W103'}))!r}\n"
        f"JOINED = {','.join(frozenset(['W101', 'W102']))!r}\n"
        f"ORDER = {list({'W101', 'W102'})!r}\nhash_free = ORDER.index\n"
    )
    evaluate = (
        f"{names}def evaluate():\n    return get_order('W102')['status'] == 'cancelled' and {condition}\n"
    )
    task = replace(CANCEL, evaluate=evaluate, failures=(*CANCEL.failures[:2], "set_city('W101', 'Rome')"))
    verdict = judged(task)
    assert verdict.stage == Stage.STABLE, verdict.reason


def test_sets_used_as_sets_are_sound() -> None:
    evaluate = """\
def evaluate():
    open_orders = {name for name in {"W101", "W102", "W103"} if get_order(name)["status"] == "pending"}
    rest = open_orders | {"W103"} - {"W102"}
    return open_orders == {"W101"} and isinstance(rest, set) and sorted(rest) == ["W101", "W103"]
"""
    verdict = judged(replace(CANCEL, evaluate=evaluate))
    assert verdict.passed, verdict.reason


def test_failure_cases_that_do_nothing_are_sent_back() -> None:
    verdict = judged(replace(CANCEL, failures=("get_order('W102')", "pass", "get_user('ann')")))
    assert (verdict.stage, verdict.reason) == (Stage.STRONG, "no failure case changes anything")


def test_a_call_that_evaluate_does_not_miss_is_noticed() -> None:
    solution = f"{CANCEL.solution}\nset_city('W101', 'Rome')"
    verdict = judged(replace(CANCEL, solution=solution))
    assert verdict.stage == Stage.STRONG
    assert "without its call of set_city" in verdict.reason


@pytest.mark.parametrize(
    "evaluate",
    [
        "def evaluate(answer):\n    return answer != 1 and answer != 3\n",
        "def evaluate(answer):\n    return answer in (2, 'ann')\n",
    ],
)
def test_an_answer_that_is_not_the_solutions_is_noticed(evaluate: str) -> None:
    task = replace(COUNT, evaluate=evaluate, failures=("result = 1", "result = 3", "result = 1.0"))
    lax = judged(task)
    assert lax.stage == Stage.NOOP_FAILED or "evaluate accepts" in lax.reason


def test_what_was_measured_is_kept() -> None:
    diagnostics = judged(CANCEL).diagnostics
    assert diagnostics["strength"]["footprint"] == ["orders/W102"]
    assert diagnostics["strength"]["noop_failures"] == []
    assert diagnostics["uses"] == ["cancel_order", "cancel_order.order_id", "cancel_order.reason"]


def test_an_instruction_that_leaves_the_choice_open_is_incomplete() -> None:
    verdict = judged(replace(CANCEL, instruction="You are Ann Lee. Cancel your order."))
    assert verdict.stage == Stage.COMPLETE
    assert "'W102' (order_id of cancel_order)" in verdict.reason


def test_a_number_that_nobody_said_is_missing() -> None:
    task = replace(
        COUNT,
        instruction="How many does user ann have?",
        solution='result = len(get_user("ann")["orders"]) + 10 * 5 + 7 - 57',
    )
    verdict = judged(task)
    assert verdict.stage == Stage.COMPLETE
    assert judged(
        replace(task, instruction="Take what user ann has, add 10 times 5 and 7, take away 57.")
    ).passed


class Twins:
    """A solver whose attempts all end alike."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt

    def __call__(self, task: Task, attempts: int) -> list[Attempt]:
        return [self.attempt] * attempts


def test_agreement_on_another_outcome_refuses() -> None:
    def verdict(attempt: Attempt) -> Verdict:
        runner = SandboxTaskRunner(
            Arena(ShopEnvironment(), InProcessSandbox(), Limits()), solver=Twins(attempt)
        )
        return Judge(runner, [*make_standard_checks(), Attempts(AttemptsConfig())])(COUNT)

    assert verdict(Attempt(False, "same", 3)).stage == Stage.COMPLETE
    assert verdict(Attempt(True, "same", 2)).passed
