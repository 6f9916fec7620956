"""The whole judge on the embedded sandbox: its batch programs run behind real walls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfchal.core.bench import Bench
from selfchal.core.judge import Stage
from selfchal.core.judging import Judge
from selfchal.core.sandbox import Limits, Sandbox
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
