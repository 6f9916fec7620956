"""What a run is measured on: the environment's held-out tasks, and an exam of self-made tasks.

An exam is for environments without held-out tasks, or beside them. Its tasks are proposed before any other,
judged by every check, and never shown to a synthesizer or a trainer (``selfchal.pipeline.exam`` makes it).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from selfchal.core.environment import Environment
from selfchal.core.task import Task, TestTask
from selfchal.core.world import Json
from selfchal.pipeline.context import RunContext
from selfchal.pipeline.drawing import draw_tasks

EXAM_ROUND = -1  # of the store's proposals and tasks; the rounds that train begin at 1
TEST_TASKS = "test_tasks"  # the fact that says what was measured on
EXAM_STATUS = "exam"  # of its tasks
EXAM_FAMILY = "self-made"


class SetName(StrEnum):
    """The titles under which scores are stored and shown."""

    HELD_OUT = "held-out tasks"
    EXAM = "self-made exam"


@dataclass(frozen=True)
class TestSet:
    """Tasks that are measured together."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    name: SetName
    tasks: Sequence[TestTask | Task]

    @property
    def environments(self) -> Mapping[str, str]:
        """The environment of each task, by its id."""
        return {task.id: task.environment for task in self.tasks}

    @property
    def families(self) -> Mapping[str, str]:
        """The family of each task, by its id."""
        return {t.id: t.family if isinstance(t, TestTask) else EXAM_FAMILY for t in self.tasks}

    def name_moment(self, when: str) -> str:
        """What the store calls the episodes of this set at a moment (``before``, ``after``)."""
        return when if self.name is SetName.HELD_OUT else f"exam {when}"


def list_test_sets(context: RunContext) -> list[TestSet]:
    """Those that hold a task; none where a run can measure nothing."""
    sets = [TestSet(SetName.HELD_OUT, held_out(context)), TestSet(SetName.EXAM, exam_tasks(context))]
    return [one for one in sets if one.tasks]


def held_out(context: RunContext) -> list[TestTask]:
    """The test tasks that the manifest asks for, of every environment."""
    count = context.manifest.settings.evaluation.tasks
    return [
        of.give_prefix(task)
        for name, of in context.environments.items()
        for task in list_test_tasks(of.environment, context.splits[name], count)
    ]


def note_test_tasks(context: RunContext) -> None:
    """Store what the held-out tasks ask for and what must come of them, for whoever reads the run later."""
    noted: dict[str, Json] = {
        task.id: {"family": task.family, "instruction": task.instruction, "truth": dict(task.truth)}
        for task in held_out(context)
    }
    # what a third party's truth holds is its own affair: what is no JSON is shown as text
    context.store.put_fact(TEST_TASKS, json.loads(json.dumps(noted, default=str)))


def list_test_tasks(environment: Environment, split: str | None, count: int | None) -> list[TestTask]:
    """``count`` tasks of the split, or of the environment's first one; none where it has no splits."""
    chosen = choose_split(environment, split)
    if chosen is None:
        return []
    tasks = environment.test_tasks(chosen)
    return [replace(task, environment=environment.name) for task in draw_tasks(tasks, count)]


def choose_split(environment: Environment, split: str | None) -> str | None:
    """The split that is asked for, or the environment's first one; None where it has no splits."""
    return split or next(iter(environment.splits()), None)


def exam_tasks(context: RunContext) -> list[Task]:
    """The tasks of the exam, once it is made."""
    return [task for task, _ in context.store.tasks(EXAM_ROUND)]


def list_measured(results: Mapping[str, Json]) -> list[tuple[SetName, Mapping[str, Json]]]:
    """The parts of a run's results that hold scores, each with the name of what it was measured on."""
    parts = [(SetName.HELD_OUT, results)] if "before" in results else []
    return parts + ([(SetName.EXAM, results["exam"])] if "exam" in results else [])


def count_tasks(name: SetName, results: Mapping[str, Json]) -> int:
    """The tasks of a test set that was measured."""
    count: int = results["held_out_tasks"] if name is SetName.HELD_OUT else results["exam"]["tasks"]
    return count
