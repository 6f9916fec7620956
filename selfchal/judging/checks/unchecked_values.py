"""Slack: a value that the instruction says and the solution sets, and that evaluate does not look at.

A verifier may be lenient by design and look at a status alone. One that looks at other values of the
same call, but not at this one, has forgotten it: when the instruction says the value, or when it is the
only one of many. And where the schema offers a choice and the instruction says which, another is wrong.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence, Set
from functools import cache

from selfchal.core.evidence import Evidence
from selfchal.core.task import Task
from selfchal.core.world import Json, World
from selfchal.judging.checks.undetermined import told_apart
from selfchal.judging.floats import take_float
from selfchal.judging.mutants import Mutant, is_date, placed
from selfchal.judging.source.parse import nodes_of, parse_evaluate
from selfchal.judging.state_explorer import is_id
from selfchal.judging.wording import Wording

_SEVERAL = 2
_MANY = 4  # values of a call that are looked at: then the only one that is not was forgotten


def first_unchecked(
    task: Task,
    evidence: Evidence,
    altered: Sequence[Mutant],
    forms: Sequence[Mutant],
    accepted: Sequence[Mutant],
) -> Mutant | None:
    """The first altered argument that evaluate forgot to look at, or looks at in part, if there is one.

    ``forms`` are arguments altered so that their length and their ends stay.
    """
    passing = {id(mutant) for mutant in accepted}
    if not any(id(mutant) in passing for mutant in (*altered, *forms)):
        return None
    solution = _list_leaves(evidence.solution.world)
    sets = cache(lambda index: _is_set(altered[index], solution))
    wording = Wording(task.instruction, task.instruction)
    for index, mutant in enumerate(altered):
        if id(mutant) not in passing or not sets(index):
            continue
        others = [i for i, one in enumerate(altered) if one.call == mutant.call and one.value != mutant.value]
        compares = any(id(altered[i]) not in passing and sets(i) for i in others)
        forgotten = compares or _mentions_others(task, evidence, mutant, solution)
        values = {repr(altered[i].value) for i in others}
        alone = len(values) >= _MANY and not any(id(altered[i]) in passing for i in others)
        said = (forgotten or mutant.chosen) and _is_said(task, evidence, mutant, wording)
        if said or (forgotten and alone):
            return mutant
    overlooked = _find_overlooked(altered, passing, [i for i in range(len(altered)) if sets(i)], wording)
    if overlooked is not None:
        return overlooked
    noticed = {(mutant.call, repr(mutant.value)) for mutant in altered if id(mutant) not in passing}
    loose = (
        mutant
        for mutant in forms
        if id(mutant) in passing
        and (mutant.call, repr(mutant.value)) in noticed
        and _is_set(mutant, solution)
    )
    return next((mutant for mutant in loose if _is_said(task, evidence, mutant, wording)), None)


def _find_overlooked(
    altered: Sequence[Mutant], passing: Set[int], setting: Sequence[int], wording: Wording
) -> Mutant | None:
    """A text of a call of which evaluate notices none, although the instruction says several word by word:
    a name and a birthday, a street and a city. A status says nothing of these."""
    said: dict[int, list[Mutant]] = {}
    for mutant in (altered[i] for i in setting):
        value = mutant.value
        if isinstance(value, str) and not mutant.chosen and (not is_id(value) or is_date(value)):
            said.setdefault(mutant.call, []).extend([mutant] if value and wording.says(value) else [])
    for mutants in said.values():
        values = {mutant.value for mutant in mutants}
        if len(values) >= _SEVERAL and all(id(mutant) in passing for mutant in mutants):
            return mutants[0]
    return None


def first_said(task: Task, evidence: Evidence, accepted: Sequence[Mutant]) -> Mutant | None:
    """The first accepted mutant in which a value that the instruction says was replaced."""
    wording = Wording(task.instruction, task.instruction)
    return next((mutant for mutant in accepted if _is_said(task, evidence, mutant, wording)), None)


def _mentions_others(
    task: Task, evidence: Evidence, mutant: Mutant, solution: Mapping[tuple[str | int, ...], Json]
) -> bool:
    """Does evaluate name another value that this call was given and that the solution sets?"""
    tree = parse_evaluate(task.evaluate)
    named = {repr(node.value) for node in nodes_of(tree) if isinstance(node, ast.Constant)}
    call = evidence.solution.execution.calls[mutant.call]
    given = {repr(value) for _, value in placed([list(call.args), dict(call.kwargs)])}
    return bool((given - {repr(mutant.value)}) & named & set(map(repr, solution.values())))


def _list_leaves(world: World) -> dict[tuple[str | int, ...], Json]:
    """Every changed scalar by its path."""
    changes = world.difference()
    return {(*change.path, *where): leaf for change in changes for where, leaf in placed(change.after)}


def _is_set(mutant: Mutant, solution: Mapping[tuple[str | int, ...], Json]) -> bool:
    """Did the solution put this value somewhere that had another one before?"""
    value = repr(mutant.value)
    mine = {path: leaf for path, leaf in solution.items() if repr(leaf) == value}
    altered = _list_leaves(mutant.world) if mine else {}
    return any(altered.get(path) != leaf for path, leaf in mine.items())


def _is_said(task: Task, evidence: Evidence, mutant: Mutant, wording: Wording) -> bool:
    value: Json = mutant.value
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return take_float(value) in wording.amounts
    if is_id(value) and not wording.says(value):
        return told_apart(value, mutant.other, evidence.explored(), Wording(task.instruction))
    return bool(value) and wording.says(value)
