"""Several processes of one run, as torchrun or ``accelerate launch`` start them.

The first process does all that a single one does. The others, the followers, hold the same model and only
take part when the trainer trains. They have no store, sandbox or environment, and start no server that
samples. Without such a launcher nothing here does anything.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfchal.core.episode import Group
from selfchal.core.model import Metrics
from selfchal.core.task import Task
from selfchal.core.trainer import Training, WriteFiles
from selfchal.pipeline.manifest import Manifest
from selfchal.processes import broadcast_order, count_processes, join_processes, leave_processes

TRAIN, END = "train", "end"


def is_follower() -> bool:
    """Raises TrainingError where the environment holds only half of what a launcher sets."""
    return count_processes() > 1 and int(os.environ["RANK"]) > 0


def signal_workers(order: str) -> None:
    """Send TRAIN or END from the first process to all others, which wait for it in ``follow``.

    After END the processes no longer need each other, and each goes its own way.
    """
    broadcast_order(order)
    if order == END:
        leave_processes()


def follow(manifest: Manifest) -> None:
    """Run as a follower: do what the first process asks for until the run ends."""
    join_processes()
    model = manifest.model.make_follower()
    trainer = manifest.trainer
    try:
        while broadcast_order(None) == TRAIN:
            helping = _Helping()
            assert trainer is not None, "the first process trains, so there is a trainer"
            trainer.make().train(
                Training(
                    model=model, tasks=(), validation=(), collect=helping.collect, progress=helping, seed=0
                )
            )
        leave_processes()
    finally:
        model.close()


class _Helping:
    """What a trainer must not use in a follower: the first process alone collects, reports and saves."""

    def collect(self, tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        raise AssertionError("a follower's trainer rolled out")

    def log(self, step: int, metrics: Metrics) -> None:
        raise AssertionError("a follower's trainer reported")

    def save(self, step: int, state: Any, write_files: WriteFiles | None = None) -> None:
        raise AssertionError("a follower's trainer saved")

    def files_of(self, step: int) -> Path:
        raise AssertionError("a follower's trainer asked for a checkpoint")

    def latest(self) -> tuple[int, Any] | None:
        raise AssertionError("a follower's trainer asked for a checkpoint")

    def total(self, steps: int) -> None:
        raise AssertionError("a follower's trainer reported")

    def note(self, text: str) -> None:
        raise AssertionError("a follower's trainer reported")

    def is_over(self) -> bool:
        raise AssertionError("a follower's trainer asked for the budget")
