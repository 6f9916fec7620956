"""Self-Challenging Language Model Agents (arXiv 2506.01716) on one page.

Every stage asks the store first: killed at any instant, a run goes on from its last stored batch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.pipeline.challenge import challenge, check_challenger, make_exam
from selfchal.pipeline.challenger_training import train_challenger
from selfchal.pipeline.collecting import Rewrite
from selfchal.pipeline.context import RunContext, open_context
from selfchal.pipeline.curve import measure_curve
from selfchal.pipeline.distributed import END, signal_workers
from selfchal.pipeline.evaluation import Measured, Mode, measure
from selfchal.pipeline.failure import STAGE, noting_failure
from selfchal.pipeline.made_with import MADE_WITH, describe_making
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.results import write_results
from selfchal.pipeline.selection import select
from selfchal.pipeline.sources import judge_source
from selfchal.pipeline.store import Store
from selfchal.pipeline.test_sets import list_test_sets, note_test_tasks
from selfchal.pipeline.training import train
from selfchal.pipeline.watch import Watchers

SCORES = (Mode.SAMPLED, Mode.GREEDY)
BASELINES = (Mode.FORCED_GREEDY,)


def run(
    manifest: Manifest, store: Store, watchers: Watchers, rewrite: Rewrite | None = None
) -> dict[str, Json]:
    """Run a manifest to its end, or go on with it; returns what results.json says.

    ``watchers`` are told what happens, beside those that the manifest names.
    ``rewrite`` changes the rewards of training episodes in place: for control experiments.
    """
    with noting_failure(store), open_context(manifest, store, watchers) as context:
        before = begin(context)
        for round_ in range(1, manifest.settings.rounds + 1):
            tasks, validation = make_tasks(context, round_)
            if manifest.trainer is not None:  # RL with the verifiers' sparse reward (section 4.3)
                _train_round(context, round_, tasks, validation, rewrite)
        signal_workers(END)
        after = _measure_again(context) if manifest.trainer is not None else None
        results = write_results(context, before, after)
        context.watch.results = results
        return results


def begin(context: RunContext) -> Measured:
    """Judge the tasks that are there already, set an exam apart where one is asked for, and measure the
    weights that the run begins with."""
    check_challenger(context)
    context.store.put_fact("guarantees", context.describe_sandbox())
    if context.store.fact(MADE_WITH) is None:
        environments = {name: of.environment for name, of in context.environments.items()}
        checks = [choice.name for choice in context.manifest.checks]
        context.store.put_fact(MADE_WITH, describe_making(environments, checks))
    note_test_tasks(context)
    if context.manifest.settings.tasks is not None:
        with time_stage(context, "judge tasks"):
            judge_source(context)
    if context.manifest.settings.evaluation.exam:
        with time_stage(context, "make the exam"):
            make_exam(context)
    if not list_test_sets(context):
        context.watch.note(
            f"nothing will be measured: {', '.join(context.environments)} has no held-out tasks, and no exam "
            "is set apart (evaluation.exam: 40 does that)"
        )
    with time_stage(context, "evaluate before"):
        return measure(context, "before", SCORES + BASELINES * context.manifest.settings.evaluation.baselines)


def make_tasks(context: RunContext, round_: int) -> tuple[list[Task], list[Task]]:
    """The tasks of a round for training and for validation."""
    with time_stage(context, f"challenge {round_}"):  # explore, propose, judge by running (section 4)
        proposals = challenge(context, round_)
    with time_stage(context, f"select {round_}"):
        return select(context, round_, proposals)


def _train_round(
    context: RunContext,
    round_: int,
    tasks: Sequence[Task],
    validation: Sequence[Task],
    rewrite: Rewrite | None,
) -> None:
    if context.manifest.settings.curriculum.train_challenger:
        with time_stage(context, f"train challenger {round_}"):
            train_challenger(context, round_)
    with time_stage(context, f"train {round_}"):
        train(context, round_, tasks, validation, rewrite)
    if context.manifest.settings.evaluation.every:
        with time_stage(context, f"curve {round_}"):
            measure_curve(context, round_)


def _measure_again(context: RunContext) -> Measured:
    """The trained weights on tasks that neither synthesizer nor trainer has seen (section 5)."""
    with time_stage(context, "evaluate after"):
        return measure(context, "after", SCORES)


@contextmanager
def time_stage(context: RunContext, stage: str) -> Iterator[None]:
    """Add the stage's seconds to those of earlier, interrupted attempts."""
    started = time.perf_counter()
    context.store.put_fact(STAGE, stage)
    try:
        yield
    finally:
        spent = time.perf_counter() - started
        seconds = context.store.fact("seconds", {})
        context.store.put_fact("seconds", {**seconds, stage: round(seconds.get(stage, 0.0) + spent, 3)})
