"""What several seeds of a benchmark say together: read from their stores, pooled, with intervals.

Intervals are 95 %. Those of ``paired_difference`` on pooled rewards hold for other tasks, and the same
seeds; ``over_seeds`` holds for other seeds too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from selfchal.pipeline.evaluation import Mode
from selfchal.pipeline.statistics import RESAMPLES, Estimate, mean_reward
from selfchal.pipeline.store import Store

Rows = Mapping[str, Sequence[float]]  # held-out task -> rewards of its samples


def scores(directory: Path, when: str) -> Rows:
    """The rewards of a run ``before`` or ``after`` training, sampled at temperature 1."""
    rows: dict[str, list[float]] = defaultdict(list)
    with Store.read(directory) as store:
        keys = [key for key in store.keys("evaluate") if key.startswith(f"{when}/{Mode.SAMPLED}/")]
        for episode in chain.from_iterable(store.episodes("evaluate", key) for key in keys):
            if episode.reward is not None:
                rows[episode.task].append(episode.reward)
    return rows


def pooled(several: Sequence[Rows]) -> Rows:
    """All seeds together, task by task."""
    return {task: [reward for rows in several for reward in rows.get(task, ())] for task in several[0]}


def rate(rows: Rows) -> float:
    """Per cent, every task counting alike."""
    return 100 * mean_reward([mean_reward(rewards) for rewards in rows.values()])


def shown(found: Estimate, sign: str = "") -> str:
    return f"{100 * found.mean:{sign}.1f} ({100 * found.low:{sign}.1f}, {100 * found.high:{sign}.1f})"


def over_seeds(before: Sequence[Rows], after: Sequence[Rows]) -> str:
    """Each seed's difference, and the mean with an interval that draws seeds and tasks anew."""
    tasks = sorted(before[0])
    values = np.array([
        [mean_reward(new[task]) - mean_reward(old[task]) for task in tasks]
        for old, new in zip(before, after, strict=True)
    ])  # fmt: skip
    seeds, width = values.shape
    rng = np.random.default_rng(0)
    draws = [
        values[rng.integers(seeds, size=seeds)][:, rng.integers(width, size=width)].mean()
        for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(draws, [2.5, 97.5])
    each = " ".join(f"{100 * value:+.1f}" for value in values.mean(axis=1))
    return f"{each}; mean {shown(Estimate(float(values.mean()), float(low), float(high), width), '+')}"
