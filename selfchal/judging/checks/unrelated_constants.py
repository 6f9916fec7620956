"""Constants that a verifier compares with, and that nothing in its task has to do with.

A verifier of a change may accept another change besides. Which one stands in its source: a city, a name or an
amount that the instruction does not say, no tool knows, and no call was given. An honest verifier compares
with what was asked for, or with what can be read.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import lru_cache

from selfchal.core.evidence import Evidence, TaskRunner
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging.checks.needs import Documents
from selfchal.judging.source.parse import nodes_of, parse_evaluate

_SMALL = 10  # numbers up to it count things
_SHORTEST = 2  # characters of a text that cannot stand everywhere by chance
_OTHER = re.compile(r"[^\w.]+|_+")


def first_unrelated_constant(task: Task, runner: TaskRunner, evidence: Evidence) -> Json:
    """The first such constant; None where there is none."""
    compared = list(_list_compared(task.evaluate))
    if not compared:
        return None
    known = _squeeze("\n".join(dict.fromkeys(_list_known(task, runner, evidence))))  # much is read twice
    signatures = " ".join(tool.signature for tool in runner.environment.tools)
    documents = _squeeze_documents(f"{Documents(runner.environment).text} {signatures}")
    for forms in compared:
        if not any(_is_known(value, known, documents) for value in forms):
            return forms[0]
    return None


def _is_known(value: Json, *texts: str) -> bool:
    """Does each word of it stand in one of these squeezed texts?"""
    words = map(_squeeze, str(value).split())
    return all(any(word in text for text in texts) for word in words)


def _list_compared(evaluate: str) -> Iterator[list[Json]]:
    """Texts, and numbers that count nothing, that stand in comparisons; together those of one list, which may
    be forms of one value."""
    for node in nodes_of(parse_evaluate(evaluate)):
        if not isinstance(node, ast.Compare):
            continue
        for side in (node.left, *node.comparators):
            found = [one.value for one in ast.walk(side) if isinstance(one, ast.Constant)]
            telling = [value for value in found if _is_telling(value)]
            grouped = isinstance(side, ast.Tuple | ast.List | ast.Set)
            yield from [telling] if grouped and telling else [[value] for value in telling]


def _is_telling(value: object) -> bool:
    if isinstance(value, str):
        return len(value.strip()) >= _SHORTEST
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) > _SMALL


def _list_known(task: Task, runner: TaskRunner, evidence: Evidence) -> Iterator[str]:
    """All that was said, handed over or read."""
    yield from (task.instruction, json.dumps(task.context))
    yield runner.environment.initial_observation(task.context)
    for trial in (evidence.solution, *evidence.failures, evidence.nothing):
        executions = [trial.execution, *([trial.evaluation] if trial.evaluation else [])]
        for call in (call for execution in executions for call in execution.calls):
            yield json.dumps([call.args, call.kwargs, call.value], default=str)
    for change in evidence.solution.world.difference():
        yield json.dumps([change.before, change.after, list(change.path)], default=str)


def _squeeze(text: str) -> str:
    """Letters, digits and points alone: forms of writing do not matter here."""
    return _OTHER.sub("", text.casefold())


@lru_cache(maxsize=8)
def _squeeze_documents(text: str) -> str:
    """Every task of an environment has the same documents."""
    return _squeeze(text)
