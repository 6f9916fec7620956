"""Intervals cover the truth, also where tasks are few, agents weak, or nothing was solved at all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.pipeline.intervals import interval_of_difference, interval_of_mean, interval_over_seeds

REPETITIONS = 1000
rates = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=60)


@given(rates)
def test_an_interval_holds_its_mean_and_stays_in_its_range(row: list[float]) -> None:
    values = np.array(row)
    low, high = interval_of_mean(values)
    assert 0 <= low <= values.mean() + 1e-9
    assert values.mean() - 1e-9 <= high <= 1


@given(rates)
def test_a_difference_turned_around_has_the_interval_turned_around(row: list[float]) -> None:
    values = np.array(row) - np.array(row[::-1])
    low, high = interval_of_difference(values)
    assert (low, high) == pytest.approx(tuple(-end for end in interval_of_difference(-values)[::-1]))
    assert -1 <= low <= values.mean() + 1e-9
    assert values.mean() - 1e-9 <= high <= 1


def test_nothing_solved_says_how_bad_the_agent_may_be() -> None:
    """Of 30 tasks without a success the exact interval ends at 1 - 0.025^(1/30)."""
    low, high = interval_of_mean(np.zeros(30))
    assert low == 0
    assert high == pytest.approx(1 - 0.025 ** (1 / 30))


def test_nothing_changed_is_no_proof_that_nothing_changes() -> None:
    low, high = interval_of_difference(np.zeros(48))
    assert -0.12 < low < -0.05
    assert 0.05 < high < 0.12


def test_seeds_that_differ_make_an_interval_wider() -> None:
    rng = np.random.default_rng(1)
    alike = rng.binomial(4, 0.3, (3, 48)) / 4
    apart = np.clip(alike + np.array([[-0.2], [0.0], [0.2]]), -1, 1)
    narrow, wide = interval_over_seeds(alike), interval_over_seeds(apart)
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


def _cover(rate: float, alike: float, tasks: int, samples: int) -> float:
    """How often the interval holds the mean chance of tasks of Beta(rate * alike, (1 - rate) * alike)."""
    rng = np.random.default_rng(tasks)
    chances = rng.beta(rate * alike, (1 - rate) * alike, (REPETITIONS, tasks))
    means = rng.binomial(samples, chances) / samples
    ends = [interval_of_mean(row) for row in means]
    return sum(low <= rate <= high for low, high in ends) / REPETITIONS


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.03, 0.13, 0.42])
@pytest.mark.parametrize("tasks", [30, 48, 240])
def test_scores_cover_at_least_93_times_in_100(rate: float, tasks: int) -> None:
    """Tasks that are always or never solved, very different ones, and all alike; the others are in the
    benchmark (interval_coverage.py)."""
    noise = 2 * math.sqrt(0.93 * 0.07 / REPETITIONS)
    for alike, samples in ((0.05, 4), (2.0, 4), (1e5, 1)):
        assert _cover(rate, alike, tasks, samples) >= 0.93 - noise


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(0.03, 0.06), (0.13, 0.42), (0.42, 0.5)])
@pytest.mark.parametrize("tasks", [30, 48, 240])
def test_differences_cover_at_least_93_times_in_100(before: float, after: float, tasks: int) -> None:
    """Tasks of very different difficulty, of which half are as hard after as before."""
    rng = np.random.default_rng(tasks)
    ranks = np.sort(rng.beta(0.5, 0.5, 20_000))  # from hard to easy
    power_before, power_after = _power(ranks, before), _power(ranks, after)
    covered = 0
    for _ in range(REPETITIONS):
        first = rng.integers(len(ranks), size=tasks)
        later = np.where(rng.random(tasks) < 0.5, first, rng.integers(len(ranks), size=tasks))
        old = rng.binomial(4, ranks[first] ** power_before) / 4
        new = rng.binomial(4, ranks[later] ** power_after) / 4
        low, high = interval_of_difference(new - old)
        covered += low <= after - before <= high
    assert covered / REPETITIONS >= 0.93 - 2 * math.sqrt(0.93 * 0.07 / REPETITIONS)


def _power(ranks: np.ndarray, rate: float) -> float:
    """The p with mean(ranks ** p) = rate, by bisection."""
    low, high = 1e-3, 1e3
    for _ in range(80):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if float((ranks**middle).mean()) > rate else (low, middle)
    return low
