"""Sound tasks in natural words are kept, whatever the secret that wrong outcomes are drawn from."""

from __future__ import annotations

import pytest

import selfchal
from selfchal.core.judge import Outcome
from tests.benchmarks.loading import load_benchmark
from tests.support.fuzz import examples

SECRETS = examples(10)  # fifty in `make test-all`
EVERY = 12  # of the forty and more tasks of an environment


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("environment", ["calculation", "web_browsing", "retail", "airline"])
def test_a_sound_tasks_verdict_is_the_same_over_many_secrets(environment: str) -> None:
    tasks = list(load_benchmark("natural_tasks").read_tasks(environment))[::EVERY]
    opened = selfchal.open_environment(environment)
    with selfchal.open_sandbox("process") as sandbox:
        for number in range(SECRETS):
            verdicts = selfchal.judge(tasks, opened, sandbox, secret=f"secret {number}")
            fell = [
                (v.reason, task["instruction"])
                for v, task in zip(verdicts, tasks, strict=True)
                if not v.passed
            ]
            assert fell == [], number
            assert {verdict.outcome for verdict in verdicts} == {Outcome.PASSED}


@pytest.mark.slow
@pytest.mark.parametrize("environment", ["calculation", "web_browsing", "retail", "airline"])
def test_at_most_one_in_twenty_sound_tasks_is_refused(environment: str) -> None:
    tasks = list(load_benchmark("natural_tasks").read_tasks(environment))
    assert len(tasks) >= 30
    verdicts = selfchal.judge(tasks, environment)
    fell = [verdict.reason for verdict in verdicts if not verdict.passed]
    assert len(fell) <= 0.05 * len(tasks), fell
