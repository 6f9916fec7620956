from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.pipeline.statistics import estimate, paired_difference, pass_at_k, pass_hat_k

rewards = st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=7)


@given(rewards, st.data())
def test_pass_at_k_and_pass_hat_k_are_the_shares_of_all_subsets(
    row: list[float], data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(row)))
    subsets = list(itertools.combinations(row, k))
    assert pass_at_k(row, k) == pytest.approx(sum(any(s) for s in subsets) / len(subsets))
    assert pass_hat_k(row, k) == pytest.approx(sum(all(s) for s in subsets) / len(subsets))


def test_intervals_resample_tasks_not_samples() -> None:
    """40 tasks whose 4 samples agree hold 40 facts, not 160."""
    clustered = {str(i): [float(i % 2)] * 4 for i in range(40)}
    part = estimate(clustered)
    assert part.mean == 0.5
    assert part.high - part.low == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 40), rel=0.15)


@pytest.mark.slow
def test_the_interval_covers_the_truth_about_95_times_in_100() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        chances = rng.beta(1, 2, size=100)  # tasks of very different difficulty; true mean 1/3
        rows = {str(i): (rng.random(4) < p).astype(float).tolist() for i, p in enumerate(chances)}
        part = estimate(rows)
        covered += part.low <= 1 / 3 <= part.high
    assert 0.90 <= covered / 200 <= 0.99


def test_the_paired_difference_is_over_shared_tasks_and_tighter_than_unpaired() -> None:
    before = {str(i): [float(i % 3 == 0)] * 4 for i in range(60)}
    after = {str(i): [float(i % 3 == 0), float(i % 3 == 0), 1.0, 1.0] for i in range(60)} | {"new": [1.0]}
    part = paired_difference(before, after)
    assert part.tasks == 60
    assert part.mean == pytest.approx(1 / 3)
    assert part.low > 0.2


def test_no_tasks_give_no_number() -> None:
    assert math.isnan(estimate({}).mean)


def test_equal_scores_give_equal_intervals() -> None:
    rows = {str(i): [float(i % 4 == 0)] for i in range(50)}
    assert estimate(rows) == estimate(dict(rows))
