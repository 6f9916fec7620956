"""New: the first of twins passes, and nothing that is near a held-out task."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.task import Task, TestTask
from selfchal.judging.checks.novelty import Novelty, NoveltyConfig
from selfchal.judging.comparing import refuse_alike
from tests.support.shop import CANCEL

PASSED = Verdict(Outcome.PASSED, Stage.NEW)
OTHER = replace(
    CANCEL, id="other", instruction="Send the red lamp to Rome.", solution="set_city('W101', 'Rome')"
)


def test_settling_keeps_the_first_of_twins_and_nothing_held_out() -> None:
    test = TestTask("held", "How many orders does the customer Bob Day have in all his years?", {}, {})
    near = replace(CANCEL, id="n", instruction=test.instruction, solution="result = 1")
    twin = replace(CANCEL, id="t")
    judged = [(CANCEL, PASSED), (twin, PASSED), (near, PASSED)]
    verdicts = refuse_alike([Novelty()], judged, [], [test])
    assert [verdict.passed for verdict in verdicts] == [True, False, False]
    assert {verdict.stage for verdict in verdicts[1:]} == {Stage.NEW}
    assert "held-out task held" in verdicts[2].reason
    assert verdicts[1].diagnostics["novelty"] == {"near_duplicate_of": "cancel"}
    assert verdicts[2].diagnostics["novelty"] == {"near_held_out": "held"}


@pytest.mark.parametrize(
    ("tasks", "earlier", "passed"),
    [
        ([CANCEL, OTHER], [], [True, True]),
        ([CANCEL, OTHER], [replace(CANCEL, id="before")], [False, True]),
        ([OTHER, replace(OTHER, id="again")], [CANCEL], [True, False]),
    ],
)
def test_tasks_kept_earlier_count(tasks: list[Task], earlier: list[Task], passed: list[bool]) -> None:
    found = Novelty().compare(tasks, earlier, [])
    assert [finding.outcome is Outcome.PASSED for finding in found] == passed


def test_at_1_only_the_same_words_are_near() -> None:
    spelt = replace(CANCEL, id="spelt", solution="pass", instruction=CANCEL.instruction + " Thank you!")
    assert Novelty().compare([CANCEL, spelt], [], [])[1].outcome is Outcome.FAILED
    assert Novelty(NoveltyConfig(near=1.0)).compare([CANCEL, spelt], [], [])[1].outcome is Outcome.PASSED
