"""Runs of a benchmark, each in a process of its own: so that its memory is its own too."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Job], Result], jobs: Sequence[Job], processes: int) -> list[Result]:
    """``work`` on each job, ``processes`` at a time, in the order of the jobs."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, max_tasks_per_child=1) as pool:
        return list(pool.map(work, jobs))
