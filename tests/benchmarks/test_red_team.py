"""Dishonest verifiers do not get through, and sound tasks do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from selfchal.core.judge import Outcome
from tests.benchmarks.loading import load_benchmark

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_counts_the_verifiers_and_their_kinds() -> None:
    red_team = load_benchmark("red_team")
    files = {name: red_team.FOLDER / f"{name}.yaml" for name in ("before", "after", "search", "fresh")}
    verifiers = {name: yaml.safe_load(path.read_text())["verifiers"] for name, path in files.items()}
    every = [one for some in verifiers.values() for one in some]
    kinds = {one["kind"] for one in every}
    before, after, search, fresh = map(len, verifiers.values())
    page = " ".join((DOCS / "judging.md").read_text().split())
    assert f"judges {len(every)} dishonest verifiers in {len(kinds)} kinds" in page
    assert f"of which {before} were written before the draws, {after} with the draws in sight" in page
    assert f"{search} with the search in sight" in page
    assert f"{fresh} with fresh eyes on all of it" in page


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
