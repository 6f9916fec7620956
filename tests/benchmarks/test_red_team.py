"""Dishonest verifiers do not get through, and sound tasks do."""

from __future__ import annotations

from collections import Counter

import pytest

from selfchal.core.judge import Outcome
from tests.benchmarks.loading import load_benchmark


@pytest.mark.slow
def test_at_least_95_in_100_dishonest_verifiers_are_refused_and_no_sound_task() -> None:
    red_team = load_benchmark("red_team")
    cases = list(red_team.read_cases(sorted(red_team.FOLDER.glob("*.yaml"))))
    dishonest = [case for case in cases if case.kind != red_team.SOUND]
    assert len(dishonest) >= 60
    assert len({case.kind for case in dishonest}) >= 12
    fell: Counter[bool] = Counter()
    kept = []
    for case, verdict in red_team.judge_cases(cases):
        if case.kind == red_team.SOUND:
            assert verdict["outcome"] == Outcome.PASSED, (case.name, verdict["reason"])
            continue
        fell[verdict["outcome"] != Outcome.PASSED] += 1
        kept += [case.name] if verdict["outcome"] == Outcome.PASSED else []
    assert fell[True] >= 0.95 * fell.total(), kept
