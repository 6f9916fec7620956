"""What every check of the judge must keep, tried on sound and unsound tasks of ``calculation``."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from selfchal.core.arena import Arena
from selfchal.core.environment import Environment
from selfchal.core.evidence import Attempt
from selfchal.core.judge import OF_CHECKS, Check, ComparingCheck, Filter, Finding, Outcome
from selfchal.core.sandbox import Limits
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging.findings import expect_finding
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.judging.trials import gather_evidence
from selfchal.plugins.loading import describe_error
from selfchal.plugins.registry import load_plugins
from selfchal.testing.conformance.case import (
    Case,
    CaseLevel,
    declared,
    demand,
    demand_type,
    make,
    using_sandbox,
)
from selfchal.testing.conformance.twins import demand_alike, is_registered

ENVIRONMENT = "calculation"
SECRET = "conformance"


def _make_task(identifier: str, word: str, shift: int, **changes: Any) -> Task:
    sound = Task(
        identifier,
        ENVIRONMENT,
        {},
        f"Decode the Caesar message '{word}' that was shifted by {shift}.",
        f"def evaluate(answer):\n    return answer == caesar_decode('{word}', {shift})",
        f"result = caesar_decode('{word}', {shift})",
        tuple(f"result = caesar_decode('{word}', {other})" for other in range(shift + 1, shift + 4)),
    )
    return replace(sound, **changes)


TASKS = (
    _make_task("sound", "khoor", 3),
    _make_task("sound too", "zruog", 3),
    _make_task("alike", "khoor", 3),
    _make_task("accepts everything", "khoor", 3, evaluate="def evaluate(answer):\n    return True"),
    _make_task("raises", "khoor", 3, solution="result = caesar_decode('khoor')"),
    _make_task("odd words", "khoor", 3, instruction="\ud800 <b>Ünïcode</b> " * 400),
)


SOUND = ("sound", "sound too")
ALIKE = "finds the same in other processes, under other hash seeds"
SORT = "Sort what comes out of a set, and take hashlib or zlib.crc32 of a text: hash() is another one there."


def check_cases(cls: type[Any], options: Mapping[str, Json] | None = None) -> list[Case]:
    """The cases for a check class with these options. Code of the tasks runs in the sandbox ``process``."""
    kit = _Kit(cls, options or {})
    return [
        *declared("check", cls, options or {}),
        Case("stands in the funnel after the paper's filter", kit.stands_in_the_funnel, CaseLevel.STATIC,
             "Set ``stage`` to one of Stage.STABLE, STRONG, COMPLETE, NEW."),
        Case("is made from its options", kit.is_made_from_its_options, cure="Mend __init__."),
        Case("has a finding for each task, whatever it holds", kit.finds_something_of_each_task,
             cure="Return Finding.passed(…) or Finding.failed(reason, …) on every way through, and "
                  "raise nothing."),
        Case("finds the same again", kit.finds_the_same_again,
             cure="Decide by the task and the evidence alone: no clock, no random numbers without a seed."),
        Case("keeps nothing of one task for the next", kit.keeps_nothing,
             cure="Keep nothing in the object; what compares tasks with each other is a ComparingCheck."),
        Case("leaves tasks as they were", kit.leaves_tasks,
             cure="Copy what you change: the store and other checks read the task after this one."),
        *([Case(ALIKE, kit.finds_the_same_elsewhere, cure=SORT)] if is_registered("check", cls) else ()),
        Case("says why it refuses a task", kit.says_why, cure="Give Finding.failed a reason."),
        Case("does not refuse every task", kit.lets_some_pass, CaseLevel.SEMANTIC,
             "Look at what it refuses a plain sound task for. If no task of calculation can pass "
             "it, show in tests "
             "of your own what does."),
    ]  # fmt: skip


class _Kit:
    def __init__(self, cls: type[Any], options: Mapping[str, Json]) -> None:
        self.cls, self.options = cls, options

    @cached_property
    def found(self) -> list[Finding]:
        """What it finds at first, which several cases look at."""
        return self._find_all()

    def stands_in_the_funnel(self) -> None:
        stages = f"{OF_CHECKS[0]} to {OF_CHECKS[-1]}"
        demand(self.cls.stage in OF_CHECKS, f"stage is {self.cls.stage!r}; checks stand from {stages}")

    def is_made_from_its_options(self) -> None:
        make(self.cls, self.options)

    def finds_something_of_each_task(self) -> None:
        demand(len(self.found) == len(TASKS), "there is not a finding for each task")

    def finds_the_same_again(self) -> None:
        for task, once, again in zip(TASKS, self.found, self._find_all(), strict=True):
            same = once.outcome is again.outcome
            demand(same, f"of the task {task.id!r} it found {once.outcome}, and then {again.outcome}")

    def keeps_nothing(self) -> None:
        check = make(self.cls, self.options)
        if isinstance(check, ComparingCheck):
            return  # it is asked of tasks in their order, and given what was kept before
        with _open_runner() as runner:
            for task in [*TASKS, *reversed(TASKS)]:
                found, alone = self._ask(check, copy.deepcopy(task), runner), self.found[TASKS.index(task)]
                same = found.outcome is alone.outcome
                demand(same, f"{task.id!r} is {alone.outcome} at first and {found.outcome} after other tasks")

    def leaves_tasks(self) -> None:
        given = [copy.deepcopy(task) for task in TASKS]
        self._find_all(given)
        changed = [task.id for task, before in zip(given, TASKS, strict=True) if task != before]
        demand(not changed, f"it changed the task {', '.join(map(repr, changed[:2]))}")

    def finds_the_same_elsewhere(self) -> None:
        demand_alike("check", self.cls, self.options)

    def lets_some_pass(self) -> None:
        sound = [found for task, found in zip(TASKS, self.found, strict=True) if task.id in SOUND]
        why = "; ".join(dict.fromkeys(found.reason for found in sound))
        demand(
            any(found.outcome is Outcome.PASSED for found in sound), f"it refuses sound tasks too: {why:.200}"
        )

    def says_why(self) -> None:
        for task, found in zip(TASKS, self.found, strict=True):
            told = found.reason or found.outcome == "passed"
            demand(told, f"it refuses the task {task.id!r} without a reason: Finding.failed(reason) has one")

    def _find_all(self, tasks: Sequence[Task] = ()) -> list[Finding]:
        check, tasks = make(self.cls, self.options), tasks or [copy.deepcopy(task) for task in TASKS]
        if isinstance(check, ComparingCheck):
            found = check.compare(list(tasks), (), ())
            demand(isinstance(found, list | tuple), f"compare() gave {found!r:.80}, not a list of findings")
            demand(len(found) == len(tasks), f"compare() of {len(tasks)} tasks gave {len(found)} findings")
            return [self._expect_finding(one, "compare()") for one in found]
        with _open_runner() as runner:
            return [self._ask(check, task, runner) for task in tasks]

    def _ask(self, check: Check, task: Task, runner: SandboxTaskRunner) -> Finding:
        evidence = gather_evidence(task, runner, Filter.FULL, SECRET)
        try:
            found = check.check(task, runner, evidence)
        except Exception as error:
            raise AssertionError(f"{task.id}: it raised {describe_error(error)}") from error
        return self._expect_finding(found, task.id)

    def _expect_finding(self, given: Any, of: str) -> Finding:
        try:
            found = expect_finding(given)
        except TypeError as error:
            raise AssertionError(f"{of}: {error}") from error
        demand_type(found.outcome, Outcome, f"{of}: the finding's outcome")
        demand_type(found.reason, str, f"{of}: the finding's reason")
        demand_type(found.feedback, str, f"{of}: the finding's feedback")
        return found


def tell_seen(cls: type[Any], options: Mapping[str, Json]) -> list[tuple[str, Json]]:
    """What it finds of some tasks, for a comparison of processes."""
    some = [task for task in TASKS if task.id in SOUND] + list(TASKS[:4])
    found = _Kit(cls, options)._find_all(some)
    return [(f"the finding of {task.id!r}", one.outcome) for task, one in zip(some, found, strict=True)]


def _give_up(environment: Environment, task: Task, attempts: int) -> list[Attempt]:
    """A solver that does nothing, for checks that ask for attempts."""
    return [Attempt(False, environment.open(task.context).digest()) for _ in range(attempts)]


@contextmanager
def _open_runner() -> Iterator[SandboxTaskRunner]:
    plugins = load_plugins()
    environment: Environment = make(plugins.find("environment", ENVIRONMENT), {})
    with using_sandbox(plugins.find("sandbox", "process"), {}) as sandbox:
        yield SandboxTaskRunner(Arena(environment, sandbox, Limits()), solver=partial(_give_up, environment))
