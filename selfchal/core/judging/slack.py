"""Slack: a value that the instruction says and the solution sets, and that evaluate does not look at.

A verifier may be lenient by design and look at a status alone. One that looks at other values of the
same call, but not at this one, has forgotten it: when the instruction says the value, or when it is the
only one of many.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfchal.core.bench import Evidence
from selfchal.core.judging.completeness import told_apart
from selfchal.core.judging.mutants import Mutant
from selfchal.core.judging.survey import is_id
from selfchal.core.judging.wording import Wording
from selfchal.core.task import Task
from selfchal.core.world import Json

_MANY = 4  # values of a call that are looked at: then the only one that is not was forgotten


def first_slack(
    task: Task, evidence: Evidence, altered: Sequence[Mutant], accepted: Sequence[Mutant]
) -> Mutant | None:
    """The first altered argument that evaluate forgot to look at, if there is one."""
    passing = {id(mutant) for mutant in accepted}
    after = {repr(change.after) for change in evidence.solution.world.difference()}
    wording = Wording(task.instruction, task.instruction)
    for mutant in altered:
        others = [other for other in altered if other.call == mutant.call and other.value != mutant.value]
        looks_closely = any(id(other) not in passing and repr(other.value) in after for other in others)
        forgotten = id(mutant) in passing and looks_closely and repr(mutant.value) in after
        alone = len(others) >= _MANY and not any(id(other) in passing for other in others)
        if forgotten and (alone or _said(task, evidence, mutant, wording)):
            return mutant
    return None


def _said(task: Task, evidence: Evidence, mutant: Mutant, wording: Wording) -> bool:
    value: Json = mutant.value
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return float(value) in wording.digits
    if is_id(value) and not wording.says(value):
        return told_apart(value, mutant.other, evidence.surveyed(), Wording(task.instruction))
    return bool(value) and wording.says(value)
