"""Scores with intervals: pass@k, pass^k, the paired difference, the difference over several seeds.

Rewards are 0 or 1, or None for an episode that could not be judged. Such an episode has no part in a mean,
and counts as failed in the low end of every interval, so that nothing gains by not being judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selfchal.core.world import Json
from selfchal.pipeline.intervals import (
    Interval,
    Values,
    interval_of_difference,
    interval_of_mean,
    interval_over_seeds,
)

Rows = Mapping[str, Sequence[float | None]]  # task id -> the reward of each sample
FEW_TASKS = 30  # below it an interval's coverage hangs on what the tasks are
TOO_FEW_TASKS = "too few tasks"


@dataclass(frozen=True)
class Estimate:
    """A mean over tasks with its 95 % interval; ``tasks`` is how many it is over."""

    mean: float
    low: float
    high: float
    tasks: int

    @property
    def warning(self) -> str:
        """What must stand beside the interval; empty where it can be relied upon."""
        return TOO_FEW_TASKS if self.tasks < FEW_TASKS else ""

    def to_json(self) -> dict[str, Json]:
        return {**vars(self), "warning": self.warning}


def pass_at_k(rewards: Sequence[float], k: int) -> float:
    """Unbiased chance that at least one of k samples passes: 1 - C(n-c, k) / C(n, k)."""
    n, c = len(rewards), sum(reward > 0.5 for reward in rewards)
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def pass_hat_k(rewards: Sequence[float], k: int) -> float:
    """Unbiased chance that all of k samples pass (tau-bench's pass^k): C(c, k) / C(n, k)."""
    n, c = len(rewards), sum(reward > 0.5 for reward in rewards)
    return math.comb(c, k) / math.comb(n, k)


def mean_reward(rewards: Sequence[float]) -> float:
    return sum(rewards) / len(rewards)


def judged(rewards: Sequence[float | None]) -> list[float]:
    """Without those of episodes that could not be judged."""
    return [reward for reward in rewards if reward is not None]


def estimate(
    rows: Rows, statistic: Callable[[Sequence[float]], float] = mean_reward, samples: int = 1
) -> Estimate:
    """Mean of ``statistic`` over the tasks of which at least ``samples`` samples could be judged."""
    known = {task: judged(rewards) for task, rewards in rows.items()}
    failed = {task: _fill(rewards, 0.0) for task, rewards in rows.items()}
    values, least = (
        np.array([statistic(rewards) for rewards in some.values() if len(rewards) >= samples])
        for some in (known, failed)
    )
    return _estimate(values, interval_of_mean, least)


def paired_difference(before: Rows, after: Rows) -> Estimate:
    """Mean over the tasks that both have of (mean reward after - mean reward before)."""
    return difference_over_seeds([before], [after])


def difference_over_seeds(before: Sequence[Rows], after: Sequence[Rows]) -> Estimate:
    """The same, a pair for each seed, over tasks that could be judged in all of them.

    With several seeds the interval holds for other seeds and other tasks. In its low end episodes that could
    not be judged count against the gain: as failed after, and as solved before.
    """
    several = [*before, *after]
    shared = [task for task in several[0] if all(task in rows for rows in several)]
    known = [task for task in shared if all(judged(rows[task]) for rows in several)]
    values = _subtract(before, after, known, judged, judged)
    least = _subtract(before, after, shared, lambda r: _fill(r, 1.0), lambda r: _fill(r, 0.0))
    if len(before) > 1:
        return _estimate(values, interval_over_seeds, least)
    return _estimate(values[0], interval_of_difference, least[0])


def _fill(rewards: Sequence[float | None], value: float) -> list[float]:
    return [value if reward is None else reward for reward in rewards]


def _subtract(
    before: Sequence[Rows],
    after: Sequence[Rows],
    tasks: Sequence[str],
    read_before: Callable[[Sequence[float | None]], Sequence[float]],
    read_after: Callable[[Sequence[float | None]], Sequence[float]],
) -> Values:
    """After minus before. Shape [seeds, tasks]."""
    return np.array([
        [mean_reward(read_after(new[task])) - mean_reward(read_before(old[task])) for task in tasks]
        for old, new in zip(before, after, strict=True)
    ])  # fmt: skip


def _estimate(values: Values, find_interval: Callable[[Values], Interval], least: Values) -> Estimate:
    """``values`` end in an axis of tasks, and so do ``least``, in which nothing is left unjudged."""
    if not values.size:
        return Estimate(math.nan, math.nan, math.nan, 0)
    low, high = find_interval(values)
    if least.shape != values.shape or not np.array_equal(least, values):
        low = min(low, find_interval(least)[0])
    return Estimate(float(values.mean()), low, high, values.shape[-1])
