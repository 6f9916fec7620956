"""Tasks that are the same as another one of the set, or as one of a test set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from selfchal.audit.findings import CheckName, Finding, Grade
from selfchal.audit.task_sets import GivenTask
from selfchal.judging.checks.near_duplicates import SeenTexts

_NAMED = 80  # characters of an id that a reason repeats


def find_duplicates(tasks: Sequence[GivenTask]) -> Iterator[Finding]:
    """The same instruction where the task begins alike makes one task of two, however each is judged. A near
    text, or the same one in another context, is for a person to look at: variants may be meant. So is an id
    that another task bears: what goes by ids takes one for the other."""
    first: dict[tuple[str, str], GivenTask] = {}
    named: dict[str, int] = {}
    seen = SeenTexts()
    for number, task in enumerate(tasks):
        text = _normalise(task.instruction)
        twin = first.setdefault((text, task.context), task) if text else task  # an empty one is another fault
        if twin is not task:
            same = twin.demand == task.demand
            what = "repeats task" if same else "is judged in another way than a task of the same words,"
            reason = f"It {what} {_shorten(twin.id)}."
            yield Finding(number, CheckName.DUPLICATE, Grade.CERTAIN, reason)
            continue
        before = named.setdefault(task.id, number)
        if before != number:
            reason = f"Its id is that of task number {before + 1} too; this is number {number + 1}."
            yield Finding(number, CheckName.DUPLICATE, Grade.DOUBTFUL, reason)
        if text and (near := seen.find_nearest(task.instruction)):
            reason = f"Its instruction is nearly that of task {_shorten(near)}."
            yield Finding(number, CheckName.DUPLICATE, Grade.DOUBTFUL, reason)
        elif text:
            seen.remember(task.id, task.instruction)


def find_leakage(tasks: Sequence[GivenTask], test_set: Sequence[GivenTask]) -> Iterator[Finding]:
    """Tasks that stand in a test set, word for word or nearly."""
    exact = {
        (_normalise(task.instruction), task.context): task.id
        for task in reversed(test_set)
        if task.instruction.strip()
    }
    seen = SeenTexts()
    for task in test_set:
        if task.instruction.strip():
            seen.remember(task.id, task.instruction)
    for number, task in enumerate(tasks):
        if same := exact.get((_normalise(task.instruction), task.context)):
            reason = f"It is task {_shorten(same)} of the test set."
            yield Finding(number, CheckName.TEST_SET, Grade.CERTAIN, reason)
        elif task.instruction.strip() and (near := seen.find_nearest(task.instruction)):
            reason = f"It is nearly task {_shorten(near)} of the test set."
            yield Finding(number, CheckName.TEST_SET, Grade.DOUBTFUL, reason)


def _normalise(text: str) -> str:
    return " ".join(re.findall(r"\w+|[^\w\s]", text.casefold()))


def _shorten(name: str) -> str:
    return " ".join(name.split())[:_NAMED]
