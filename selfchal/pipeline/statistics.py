"""Rates with intervals: pass@k, pass^k, task-clustered bootstrap, and the paired difference.

Samples of one task are not independent, so tasks are what is resampled (a cluster bootstrap,
percentile interval). All rewards are 0 or 1; a task's row holds its samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 4_000
CONFIDENCE = 0.95
Rows = Mapping[str, Sequence[float]]  # task id -> rewards of its samples


@dataclass(frozen=True)
class Estimate:
    """A mean over tasks with its 95 % interval; ``tasks`` is how many it is over."""

    mean: float
    low: float
    high: float
    tasks: int

    def to_json(self) -> dict[str, float | int]:
        return {"mean": self.mean, "low": self.low, "high": self.high, "tasks": self.tasks}


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


def estimate(rows: Rows, statistic: Callable[[Sequence[float]], float] = mean_reward) -> Estimate:
    """Mean of ``statistic`` over tasks, with a task-clustered interval."""
    return _bootstrap(np.array([statistic(rewards) for rewards in rows.values()]))


def paired_difference(before: Rows, after: Rows) -> Estimate:
    """Mean over the tasks that both have of (mean reward after - mean reward before)."""
    shared = [task for task in before if task in after]
    return _bootstrap(np.array([mean_reward(after[task]) - mean_reward(before[task]) for task in shared]))


def _bootstrap(values: npt.NDArray[np.float64]) -> Estimate:
    if not len(values):
        return Estimate(math.nan, math.nan, math.nan, 0)
    rng = np.random.default_rng(0)  # fixed: the same scores always give the same interval
    means = rng.choice(values, size=(RESAMPLES, len(values))).mean(axis=1)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return Estimate(float(values.mean()), float(low), float(high), len(values))
