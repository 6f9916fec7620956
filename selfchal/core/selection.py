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

BAND, ALL = (0.1, 0.9), (0.0, 1.0)
TRAIN, VALIDATION, TOO_EASY, TOO_HARD = "train", "validation", "too easy", "too hard"


def select(lab: Lab, round_: int, proposals: Sequence[Proposal]) -> tuple[list[Task], list[Task]]:
    """The round's tasks for training and for validation; stored with the fate of every task."""
    if not lab.store.has("tasks", str(round_)):
        fresh = [proposal.task for proposal in proposals if proposal.task and proposal.verdict.passed]
        aside = [task for fate in (TOO_EASY, TOO_HARD) for task, _ in lab.store.tasks(round_ - 1, fate)]
        tasks = list({task.id: task for task in [*aside, *fresh]}.values())
        lab.store.put_tasks(round_, list(zip(tasks, _fates(lab, round_, tasks), strict=True)))
    chosen = lab.store.tasks(round_)
    return [t for t, fate in chosen if fate == TRAIN], [t for t, fate in chosen if fate == VALIDATION]


def candidates(lab: Lab, round_: int) -> list[Task]:
    """The tasks that the round's selection chose from, in its order."""
    return [task for task, _ in lab.store.tasks(round_)]


def pass_rates(lab: Lab, round_: int, tasks: Sequence[Task]) -> list[list[float]]:
    """The rewards of each task's rollouts under the policy that the round begins with; stored once."""
    samples = lab.manifest.settings.curriculum.band_samples
    return [group.rewards for group in Collector(lab, round_)(tasks, samples, seed=0)] if tasks else []


def _fates(lab: Lab, round_: int, tasks: Sequence[Task]) -> list[str]:
    section = lab.manifest.settings.curriculum
    low, high = section.band or (BAND if lab.manifest.settings.rounds > 1 else ALL)
    if ((low, high) == ALL and not section.train_challenger) or not tasks:
        return [_share(task, section.validation) for task in tasks]
    lab.watcher.stage(f"pass rates {round_}", len(tasks), "tasks")
    fates = []
    for task, rewards in zip(tasks, pass_rates(lab, round_, tasks), strict=True):
        rate = sum(rewards) / len(rewards) if rewards else 0.0
        fate = TOO_HARD if rate < low else TOO_EASY if rate > high else _share(task, section.validation)
        fates.append(fate)
    return fates


def _share(task: Task, validation: float) -> str:
    """By the task's own id, so that a task never changes sides."""
    return VALIDATION if seed_of("validation", task.id) / 2**31 < validation else TRAIN
