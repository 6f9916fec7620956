"""An exam: self-made tasks that are set apart before anything is trained, to measure with.

The untrained challenger proposes them from seeds of their own and, as far as the environment has several,
from contexts that no training task begins in. Every check of the judge must pass, whatever filter the
synthesizer works with. Training tasks that repeat one are refused later, as near-duplicates.
"""

from __future__ import annotations

import json
from dataclasses import replace

from selfchal.core.environment import Environment
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.seeds import seed_of
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.pipeline.context import RunContext
from selfchal.pipeline.statistics import Rows
from selfchal.pipeline.test_sets import EXAM_ROUND, EXAM_STATUS, exam_tasks

NOTE = (
    "A model wrote the tasks of this exam, the one that is measured or its challenger. They show whether the "
    "agent got better at tasks of that kind. They cannot show that people would ask for such tasks."
)
_SHARE = 4  # one context of so many is the exam's
_TRIES = 64  # seeds that are tried for a context of the right side


def judge_fully(context: RunContext, proposal: Proposal) -> Proposal:
    """The proposal with the verdict of every check, whatever the synthesizer had it judged by."""
    task = proposal.task
    if task is None or not proposal.verdict.passed:
        return proposal
    if not task.evaluate.strip():
        reason = "a task of the exam needs an evaluate of its own, for no model may grade it"
        return replace(proposal, verdict=Verdict(Outcome.FAILED, Stage.PARSED, reason, reason))
    verdict = context.environments[proposal.environment].judge(task)
    return replace(proposal, verdict=verdict, task=task.with_diagnostics(verdict.diagnostics))


def draw_seed(environment: Environment, seed: int, *, for_exam: bool) -> int:
    """A seed whose exploration context lies on the exam's side, or on the side of training.

    It is ``seed`` itself, or made of it. Where the environment has no context on that side, as with one
    context alone, ``seed`` comes back: then exam and training share contexts, which the results say.
    """
    candidates = [seed, *(seed_of("context", seed, attempt) for attempt in range(1, _TRIES))]
    return next((s for s in candidates if _is_of_exam(environment.exploration_context(s)) == for_exam), seed)


def _is_of_exam(context: dict[str, Json]) -> bool:
    return seed_of("exam context", json.dumps(context, sort_keys=True)) % _SHARE == 0


def set_exam_apart(context: RunContext, tasks: list[Task], wanted: int) -> None:
    """Store the exam's tasks, ``wanted`` at most; says so where they are fewer."""
    if not context.store.has("tasks", str(EXAM_ROUND)):
        context.store.put_tasks(EXAM_ROUND, [(task, EXAM_STATUS) for task in tasks[:wanted]])
    if len(tasks) < wanted:
        context.watch.note(f"the exam has {len(tasks)} tasks and not {wanted}: no more proposals were kept")


def count_shared_contexts(context: RunContext) -> int:
    """How many tasks of the exam begin in a context in which a task of a round begins too."""
    rounds = {_write_context(task) for task, status in context.store.tasks() if status != EXAM_STATUS}
    return sum(_write_context(task) in rounds for task in exam_tasks(context))


def _write_context(task: Task) -> str:
    return json.dumps(task.context, sort_keys=True)


def describe_exam(context: RunContext) -> dict[str, Json]:
    """What must be known of an exam beside its scores."""
    switched_off = [section.name for section in context.manifest.settings.checks if not section.enabled]
    return {
        "tasks": len(exam_tasks(context)),
        "shared_contexts": count_shared_contexts(context),
        "checks_switched_off": switched_off,
        "note": NOTE,
    }


def do_nothing_in_exam(context: RunContext) -> Rows:
    """What an agent earns in the exam that calls no tool and says only ``ok``."""
    rows: dict[str, list[float | None]] = {}
    for task in exam_tasks(context):
        of = context.environments[task.environment]
        answer = "ok" if of.environment.answer_required else None
        rows[task.id] = [of.runner.reward(task, of.environment.open(task.context), answer).value]
    return rows
