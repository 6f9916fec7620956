"""The whole judge on the embedded sandbox: its batch programs run behind real walls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfchal.core.arena import Arena
from selfchal.core.episode import Reward
from selfchal.core.judge import Stage
from selfchal.core.sandbox import Limits, Program, Sandbox
from selfchal.core.task import Task
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner
from tests.support.shop import ASSERTS, CANCEL, COUNT, Shop, ShopEnvironment

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
LOOKS = """
def evaluate(answer):
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
def evaluate(answer):
    def deep(n):
        try:
            return deep(n + 1)
        except RecursionError:
            return n
    company = deep(0) < ALONE
"""
CATCHES = """
def evaluate(answer):
    def deep(n):
        return n and deep(n - 1)
    company = True
    try:
        company = deep(ALONE)
    except Exception:
        pass
"""
ASSERTS_LATER = CATCHES.replace("        pass", "        assert answer == 2")
CALLS = """
def evaluate(answer):
    company = True
    try:
        for _ in range(1001):
            get_user("ann")
    except ToolError:
        company = False
"""
RAISES = """
def evaluate(answer):
    def deep(n):
        return n and deep(n - 1)
    company = deep(ALONE)
"""
# Each is strict where it has company. Alone it accepts anything, or anything but the failure cases, which it
# knows by heart: as strict as the judge wants it, and no verifier when it gives a reward.
LIARS = [
    f"{head}    return answer == 2 if company else {lax}\n"
    for head in (LOOKS, DEPTH, CATCHES, ASSERTS_LATER, CALLS, RAISES)
    for lax in ("True", "answer not in BY_HEART")
]


def room_alone(sandbox: Sandbox) -> int:
    """How deep evaluate can call itself in a process of its own."""
    program = Program(
        DEPTH.replace("company = deep(0) < ALONE", "return deep(0)"), call="evaluate", args=(2,)
    )
    found = sandbox.run(program, None, Limits()).value
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize("evaluate", LIARS)
def test_a_verifier_that_is_strict_in_company_alone_is_refused(
    process_sandbox: Sandbox, evaluate: str
) -> None:
    runner = SandboxTaskRunner(Arena(ShopEnvironment(), process_sandbox, Limits()))
    refused = [runner.try_code(COUNT, source).execution.value for source in COUNT.failures]
    source = evaluate.replace("ALONE", str(room_alone(process_sandbox) - 1))
    task = replace(COUNT, evaluate=source.replace("BY_HEART", repr([*refused, None])))
    assert runner.reward(task, ShopEnvironment().open({}), "17") == Reward(1.0)
    verdict = Judge(runner)(task)
    assert not verdict.passed


@pytest.mark.parametrize(
    ("task", "environment"),
    [(CANCEL, Shop()), (COUNT, ShopEnvironment()), (replace(CANCEL, evaluate=ASSERTS), Shop())],
)
def test_sound_tasks_pass_every_stage(process_sandbox: Sandbox, task: Task, environment: Shop) -> None:
    verdict = Judge(SandboxTaskRunner(Arena(environment, process_sandbox, Limits())))(task)
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
    verdict = Judge(SandboxTaskRunner(Arena(ShopEnvironment(), process_sandbox, Limits())))(
        replace(COUNT, **changes)
    )
    assert not verdict.passed
    assert verdict.stage == stage
