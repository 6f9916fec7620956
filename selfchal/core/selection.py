"""Selection: which judged tasks a round trains on, which it keeps for validation, which it sets aside.

A task whose pass rate under the present policy lies outside the band teaches little now; it is set
aside and reconsidered next round (the paper has no such band; its oracle set used 25 to 50 %).
"""

from __future__ import annotations

from collections.abc import Sequence

from selfchal.core.lab import Lab
from selfchal.core.seeds import seed_of
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.core.training import Collector

TRAIN, VALIDATION, TOO_EASY, TOO_HARD = "train", "validation", "too easy", "too hard"


def select(lab: Lab, round_: int, proposals: Sequence[Proposal]) -> tuple[list[Task], list[Task]]:
    """The round's tasks for training and for validation; stored with the fate of every task."""
    if not lab.store.has("tasks", str(round_)):
        fresh = [proposal.task for proposal in proposals if proposal.task and proposal.verdict.passed]
        aside = [task for fate in (TOO_EASY, TOO_HARD) for task, _ in lab.store.tasks(round_ - 1, fate)]
        candidates = list({task.id: task for task in [*aside, *fresh]}.values())
        lab.store.put_tasks(round_, list(zip(candidates, _fates(lab, round_, candidates), strict=True)))
    chosen = lab.store.tasks(round_)
    return [t for t, fate in chosen if fate == TRAIN], [t for t, fate in chosen if fate == VALIDATION]


def _fates(lab: Lab, round_: int, tasks: Sequence[Task]) -> list[str]:
    section = lab.manifest.settings.curriculum
    low, high = section.band
    if (low, high) == (0.0, 1.0) or not tasks:
        return [_share(task, section.validation) for task in tasks]
    lab.watcher.stage(f"pass rates {round_}", len(tasks), "tasks")
    groups = Collector(lab, round_)(tasks, section.band_samples, seed=0)
    fates = []
    for task, group in zip(tasks, groups, strict=True):
        rate = sum(group.rewards) / len(group.rewards) if group.rewards else 0.0
        fate = TOO_HARD if rate < low else TOO_EASY if rate > high else _share(task, section.validation)
        fates.append(fate)
    return fates


def _share(task: Task, validation: float) -> str:
    """By the task's own id, so that a task never changes sides."""
    return VALIDATION if seed_of("validation", task.id) / 2**31 < validation else TRAIN
