"""95 % intervals that cover where tasks are few, agents weak, or nearly all tasks alike.

What is drawn at random are tasks: samples of one task say less than samples of as many tasks. A bootstrap
over tasks, which this replaces, covered in 68 to 92 of 100 cases at a success rate of 3 %, and gave [0, 0]
for no success at all. ``benchmarks/interval_coverage.py`` measures how often these intervals cover.

All functions are pure; ``values`` has one entry a task, for each of the seeds where there are several.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from selfchal.pipeline.quantiles import beta_quantile, student_quantile

TAIL = 0.025  # on each side
Values = npt.NDArray[np.float64]
Interval = tuple[float, float]


def interval_of_mean(values: Values) -> Interval:
    """The interval of the mean of values from 0 to 1. Shape [tasks].

    Clopper and Pearson's interval (1934) on effective counts, as Korn and Graubard (1998, "Confidence
    intervals for proportions with small expected number of positive counts estimated from survey data")
    have it for surveys that sample clusters.
    """
    mean = float(values.mean())
    count = len(values) / _estimate_clustering(values)
    hits = mean * count
    low = beta_quantile(TAIL, hits, count - hits + 1) if hits > 0 else 0.0
    high = beta_quantile(1 - TAIL, hits + 1, count - hits) if hits < count else 1.0
    return low, high


def _estimate_clustering(values: Values) -> float:
    """The variance of the values as a share of mean * (1 - mean).

    That is the largest variance that values from 0 to 1 with this mean can have (Bhatia and Davis 2000). The
    share is 1 where each task is either always solved or never, so that its samples say no more than one
    would. An estimate from few tasks with any success (or any failure) may be far too small, so it is drawn
    towards 1, as if one more such task had been seen.
    """
    mean = float(values.mean())
    largest = mean * (1 - mean)
    if largest <= 0 or len(values) < 2:
        return 1.0
    informative = min(int((values > 0).sum()), int((values < 1).sum()))
    share = float(values.var(ddof=1)) / largest
    return min(1.0, (informative * share + 1) / (informative + 1))


def interval_of_difference(values: Values) -> Interval:
    """The interval of the mean of paired differences from -1 to 1. Shape [tasks].

    Gains and losses each have an interval of their own, and these are put together by the method of variance
    estimates recovery (Zou and Donner 2008; Newcombe 1998 for two proportions), with their correlation,
    which is below 0 as no task has both. So tasks that did not change say how rare changes are.
    """
    gains, losses = np.maximum(values, 0), np.maximum(-values, 0)
    (least_gain, most_gain), (least_loss, most_loss) = interval_of_mean(gains), interval_of_mean(losses)
    gain, loss = float(gains.mean()), float(losses.mean())
    correlation = _correlate(gains, losses)
    down = _combine(gain - least_gain, most_loss - loss, correlation)
    up = _combine(most_gain - gain, loss - least_loss, correlation)
    return max(-1.0, gain - loss - down), min(1.0, gain - loss + up)


def interval_over_seeds(values: Values) -> Interval:
    """Of the mean of paired differences over seeds and tasks, for other seeds and other tasks.

    Shape [seeds, tasks], of two seeds or more. The distance from the mean is the root of the sum of two
    squares: that of ``interval_of_difference`` over tasks, each averaged over seeds, and that of Student's t
    over the means of the seeds.
    """
    seeds = len(values)
    by_seed, mean = values.mean(axis=1), float(values.mean())
    low, high = interval_of_difference(values.mean(axis=0))
    spread = float(by_seed.std(ddof=1)) / math.sqrt(seeds) * student_quantile(1 - TAIL, seeds - 1)
    return max(-1.0, mean - math.hypot(mean - low, spread)), min(1.0, mean + math.hypot(high - mean, spread))


def _correlate(gains: Values, losses: Values) -> float:
    """The correlation of gains and losses. No task has both, so that their covariance is minus the product
    of their means."""
    deviation = float(gains.std() * losses.std())
    return -float(gains.mean() * losses.mean()) / deviation if deviation > 0 else 0.0


def _combine(first: float, second: float, correlation: float) -> float:
    """The distance of a limit of a difference, from the distances of its two parts."""
    return math.sqrt(first**2 - 2 * correlation * first * second + second**2)
