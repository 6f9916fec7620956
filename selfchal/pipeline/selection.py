"""Selection: which judged tasks a round trains on, which it keeps for validation, which it sets aside.

A task whose pass rate under the present policy lies outside the band teaches little now. It is set aside
and considered again in the next round. (The paper has no such band; its oracle set used 25 to 50 %.)
"""

from __future__ import annotations

from collections.abc import Sequence

from selfchal.core.seeds import seed_of
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.pipeline.collecting import Collector
from selfchal.pipeline.context import RunContext
from selfchal.pipeline.sources import source_tasks

BAND, ALL = (0.1, 0.9), (0.0, 1.0)
TRAIN, VALIDATION, TOO_EASY, TOO_HARD = "train", "validation", "too easy", "too hard"


def select(context: RunContext, round_: int, proposals: Sequence[Proposal]) -> tuple[list[Task], list[Task]]:
    """The round's tasks for training and for validation; stored with the status of every task."""
    if not context.store.has("tasks", str(round_)):
        fresh = [proposal.task for proposal in proposals if proposal.task and proposal.verdict.passed]
        fresh += source_tasks(context)
        aside = [
            task for status in (TOO_EASY, TOO_HARD) for task, _ in context.store.tasks(round_ - 1, status)
        ]
        tasks = list({task.id: task for task in [*aside, *fresh]}.values())
        context.store.put_tasks(
            round_, list(zip(tasks, _decide_statuses(context, round_, tasks), strict=True))
        )
    chosen = context.store.tasks(round_)
    return [t for t, status in chosen if status == TRAIN], [t for t, status in chosen if status == VALIDATION]


def candidates(context: RunContext, round_: int) -> list[Task]:
    """The tasks that the round's selection chose from, in its order."""
    return [task for task, _ in context.store.tasks(round_)]


def pass_rates(context: RunContext, round_: int, tasks: Sequence[Task]) -> list[list[float]]:
    """The rewards of each task's rollouts under the policy that the round begins with; stored once."""
    samples = context.manifest.settings.curriculum.band_samples
    return [group.rewards for group in Collector(context, round_)(tasks, samples, seed=0)] if tasks else []


def _decide_statuses(context: RunContext, round_: int, tasks: Sequence[Task]) -> list[str]:
    section = context.manifest.settings.curriculum
    low, high = section.band or (BAND if context.manifest.settings.rounds > 1 else ALL)
    if ((low, high) == ALL and not section.train_challenger) or not tasks:
        return [_draw_share(task, section.validation) for task in tasks]
    with context.watch.stage(f"pass rates {round_}", len(tasks), "tasks"):
        rewards_of_tasks = pass_rates(context, round_, tasks)
        context.watch.progress(len(tasks))
    statuses = []
    for task, rewards in zip(tasks, rewards_of_tasks, strict=True):
        rate = sum(rewards) / len(rewards) if rewards else 0.0
        status = (
            TOO_HARD if rate < low else TOO_EASY if rate > high else _draw_share(task, section.validation)
        )
        statuses.append(status)
    return statuses


def _draw_share(task: Task, validation: float) -> str:
    """Draw by the task's own id, so that a task stays in training or in validation in every round."""
    return VALIDATION if seed_of("validation", task.id) / 2**31 < validation else TRAIN
