"""The whole judge on the embedded sandbox: its batch programs run behind real walls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfchal.core.bench import Bench
from selfchal.core.judge import Stage
from selfchal.core.judging import Judge
from selfchal.core.sandbox import Limits, Program, Sandbox
from selfchal.core.task import Task
from tests.support.shop import ASSERTS, CANCEL, COUNT, Desk, Shop

CLOCK = "import time\ndef evaluate(answer):\n    return answer == 2 and time.time() > 0\n"
# the order under hash seed 0, which is where the paper's own stages run
ORDER = "def evaluate(answer):\n    return answer == 2 and ''.join({'ab', 'cd', 'ef', 'gh', 'ij'}) == 'efcdabijgh'\n"
# yes to the solution and no to what comes later, if they shared a process
COUNTS = """
import builtins
def evaluate(answer):
    builtins.seen = getattr(builtins, "seen", 0) + 1
    return builtins.seen == 1
"""
STRICT = """
    strict = get_order("W102")["status"] == "cancelled" and get_order("W101")["status"] == "pending"
    first, second = get_order("W101"), get_order("W102")
    by_heart = (first["status"], second["city"]) != ("pending", "Rome") and first["status"] == "pending"
"""
LOOKS = """
def evaluate():
    def look():
        frame, found = me.gi_frame.f_back, False
        while frame:
            found = found or "answers" in frame.f_locals or "legs" in frame.f_locals
            frame = frame.f_back
        yield found
    me = look()
    company = next(me)
"""
DEPTH = """
def evaluate():
    def deep(n):
        try:
            return deep(n + 1)
        except RecursionError:
            return n
    company = deep(0) < ALONE
"""
RAISES = """
def evaluate():
    def deep(n):
        return n and deep(n - 1)
    company = deep(ALONE)
"""
# Each is strict where it has company. Alone it accepts anything, or anything but the failure cases, which it
# knows by heart: as strict as the judge wants it, and no verifier when it gives a reward.
LIARS = [
    head + STRICT + f"    return strict if company else {lax}\n"
    for head in (LOOKS, DEPTH, RAISES)
    for lax in ("True", "by_heart")
]


def room_alone(sandbox: Sandbox) -> int:
    """How deep evaluate can call itself in a process of its own."""
    program = Program(DEPTH.replace("company = deep(0) < ALONE", "return deep(0)"), call="evaluate")
    found = sandbox.run(program, None, Limits()).value
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize("evaluate", LIARS)
def test_a_verifier_that_is_strict_in_company_alone_is_refused(
    process_sandbox: Sandbox, evaluate: str
) -> None:
    bench = Bench(Shop(), process_sandbox, Limits())
    source = evaluate.replace("ALONE", str(room_alone(process_sandbox) - 1))
    task = replace(CANCEL, evaluate=source)
    verdict = Judge(bench)(task)
    assert not verdict.passed
    assert bench.try_code(task, CANCEL.solution).passes  # it is no wonder for another reason


@pytest.mark.parametrize(
    ("task", "environment"),
    [(CANCEL, Shop()), (COUNT, Desk()), (replace(CANCEL, evaluate=ASSERTS), Shop())],
)
def test_sound_tasks_pass_every_stage(process_sandbox: Sandbox, task: Task, environment: Shop) -> None:
    verdict = Judge(Bench(environment, process_sandbox, Limits()))(task)
    assert verdict.passed, (verdict.stage, verdict.reason)


@pytest.mark.parametrize(
    ("changes", "stage"),
    [
        ({"solution": "result = 3"}, Stage.SOLUTION_PASSED),
        ({"failures": (*COUNT.failures[:2], COUNT.solution)}, Stage.FAILURES_FAILED),
        ({"evaluate": CLOCK}, Stage.STABLE),
        ({"evaluate": ORDER}, Stage.STABLE),
        ({"evaluate": COUNTS}, Stage.FAILURES_FAILED),
    ],
)
def test_faults_fall_at_their_stage(
    process_sandbox: Sandbox, changes: dict[str, object], stage: Stage
) -> None:
    verdict = Judge(Bench(Desk(), process_sandbox, Limits()))(replace(COUNT, **changes))
    assert not verdict.passed
    assert verdict.stage == stage
