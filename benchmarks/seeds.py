"""What several seeds of a benchmark say together: read from their stores, pooled, with intervals.

Intervals are 95 %. Those of ``paired_difference`` on pooled rewards hold for other tasks, and the same
seeds; ``over_seeds`` holds for other seeds too (``selfchal.pipeline.intervals``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from selfchal.pipeline.evaluation import Mode
from selfchal.pipeline.statistics import (
    Estimate,
    Rows,
    difference_over_seeds,
    estimate,
    paired_difference,
)
from selfchal.pipeline.store import Store


def scores(directory: Path, when: str) -> Rows:
    """The rewards of a run ``before`` or ``after`` training, sampled at temperature 1."""
    rows: dict[str, list[float | None]] = defaultdict(list)
    with Store.read(directory) as store:
        keys = [key for key in store.keys("evaluate") if key.startswith(f"{when}/{Mode.SAMPLED}/")]
        for episode in chain.from_iterable(store.episodes("evaluate", key) for key in keys):
            rows[episode.task].append(episode.reward)
    return rows


def pooled(several: Sequence[Rows]) -> Rows:
    """All seeds together, task by task."""
    return {task: [reward for rows in several for reward in rows.get(task, ())] for task in several[0]}


def rate(rows: Rows) -> float:
    """Per cent, every task counting alike."""
    return 100 * estimate(rows).mean


def shown(found: Estimate, sign: str = "") -> str:
    said = f", {found.warning}" if found.warning else ""
    return f"{100 * found.mean:{sign}.1f} ({100 * found.low:{sign}.1f}, {100 * found.high:{sign}.1f}{said})"


def over_seeds(before: Sequence[Rows], after: Sequence[Rows]) -> str:
    """Each seed's difference, and the mean with an interval that holds for other seeds and tasks."""
    pairs = zip(before, after, strict=True)
    each = " ".join(f"{100 * paired_difference(old, new).mean:+.1f}" for old, new in pairs)
    return f"{each}; mean {shown(difference_over_seeds(before, after), '+')}"
