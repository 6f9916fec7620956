"""Self-Challenging Language Model Agents (arXiv 2506.01716) on one page.

Every stage asks the store first: killed at any instant, a run goes on from its last stored batch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from selfchal.core.challenge import challenge
from selfchal.core.challenger_training import train_challenger
from selfchal.core.evaluation import Mode, Score, examine
from selfchal.core.following import END, tell_followers
from selfchal.core.lab import Hooks, Lab, open_lab
from selfchal.core.manifest import Manifest
from selfchal.core.progress import Watcher
from selfchal.core.results import write_results
from selfchal.core.selection import select
from selfchal.core.store import Store
from selfchal.core.task import Task
from selfchal.core.training import Rewrite, train
from selfchal.core.world import Json

SCORES = (Mode.SAMPLED, Mode.GREEDY)
BASELINES = (Mode.FORCED_GREEDY,)


def run(
    manifest: Manifest, store: Store, watcher: Watcher, hooks: Hooks, rewrite: Rewrite | None = None
) -> dict[str, Json]:
    """Run a manifest to its end, or go on with it; returns what results.json says.

    ``rewrite`` changes the rewards of training episodes in place: for control experiments.
    """
    with open_lab(manifest, store, watcher, hooks) as lab:
        before = begin(lab)
        for round_ in range(1, manifest.settings.rounds + 1):
            tasks, validation = make_tasks(lab, round_)
            if manifest.settings.curriculum.train_challenger:
                with _timed(lab, f"train challenger {round_}"):
                    train_challenger(lab, round_)
            with _timed(lab, f"train {round_}"):  # RL with the verifiers' sparse reward (section 4.3)
                train(lab, round_, tasks, validation, rewrite)
        tell_followers(END)
        with _timed(lab, "evaluate after"):  # on held-out tasks that nobody has seen (section 5)
            after = examine(lab, "after", SCORES)
        return write_results(lab, before, after)


def begin(lab: Lab) -> dict[Mode, Score]:
    """Measure the weights that the run begins with."""
    lab.store.put_fact("guarantees", lab.describe_sandbox())
    with _timed(lab, "evaluate before"):
        return examine(lab, "before", SCORES + BASELINES * lab.manifest.settings.evaluation.baselines)


def make_tasks(lab: Lab, round_: int) -> tuple[list[Task], list[Task]]:
    """The tasks of a round for training and for validation."""
    with _timed(lab, f"challenge {round_}"):  # explore, propose, judge by running (section 4)
        proposals = challenge(lab, round_)
    with _timed(lab, f"select {round_}"):
        return select(lab, round_, proposals)


@contextmanager
def _timed(lab: Lab, stage: str) -> Iterator[None]:
    """Add the stage's seconds to those of earlier, interrupted attempts."""
    started = time.perf_counter()
    try:
        yield
    finally:
        spent = time.perf_counter() - started
        seconds = lab.store.fact("seconds", {})
        lab.store.put_fact("seconds", {**seconds, stage: round(seconds.get(stage, 0.0) + spent, 3)})
        lab.watcher.end(spent)
