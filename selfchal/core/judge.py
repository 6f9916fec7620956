"""The judge's words: the funnel's stages, verdicts with reasons in three values, and the check contracts.

The paper's filter comes first, then checks, in the order of the funnel; the first that fails decides. A
sandbox failure makes ``could_not_check``, never ``failed``. The standard checks are in
``selfchal.judging.checks``; they are registered and found as those of any other plugin are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel

from selfchal.core.task import Task, TestTask
from selfchal.core.world import Json

if TYPE_CHECKING:
    from selfchal.core.evidence import Evidence, TaskRunner


class Stage(StrEnum):
    """The funnel, in order. A proposal's stage is the last one that it reached."""

    PROPOSED = "proposed"
    PARSED = "parsed"  # has every part, and its code compiles
    RAN = "ran"  # all code runs, evaluate answers True or False
    SOLUTION_PASSED = "solution passed"
    FAILURES_FAILED = "failure cases failed"  # here the paper's filter ends
    NOOP_FAILED = "no-op failed"
    STABLE = "stable"  # two hash seeds, a repeat and a perturbed run agree
    STRONG = "strong"  # failure cases do something, and evaluate notices what the solution leaves out
    COMPLETE = "complete"  # the instruction holds what evaluate demands
    NEW = "new"  # no near-duplicate, no overlap with held-out tasks
    IN_BAND = "in band"  # neither too easy nor too hard for the present policy
    KEPT = "kept"


FUNNEL: tuple[Stage, ...] = tuple(Stage)
OF_CHECKS: tuple[Stage, ...] = (Stage.STABLE, Stage.STRONG, Stage.COMPLETE, Stage.NEW)  # where checks stand
STAGES: tuple[Stage, ...] = FUNNEL[1:-1]  # where a proposal can fall


def previous(stage: Stage) -> Stage:
    """The stage that a proposal had reached when it failed to reach ``stage``."""
    return FUNNEL[max(0, FUNNEL.index(stage) - 1)]


class Filter(StrEnum):
    """How much of the judge decides: the rows of the paper's figure 4, and ours."""

    NONE = "none"  # whatever parses is kept
    VERIFIER = "verifier"  # evaluate must run
    SOLUTION = "solution"  # and the solution must pass
    PAPER = "paper"  # and every failure case must fail
    FULL = "full"  # and all of ours


class Outcome(StrEnum):
    """What a verdict or a finding says; a sandbox failure is ``could_not_check``, never ``failed``."""

    PASSED = "passed"
    FAILED = "failed"
    COULD_NOT_CHECK = "could_not_check"


@dataclass(frozen=True)
class Verdict:
    """What the judge found on a task. ``stage`` names the stage that was not reached (passed: the last one
    reached), ``check`` the check that decided so; the paper's filter and what passed name none. ``feedback``
    is what the challenger is told (a traceback, the failure case that passed)."""

    outcome: Outcome
    stage: str
    reason: str = ""
    feedback: str = ""
    diagnostics: Mapping[str, Json] = field(default_factory=dict)  # what was measured
    check: str = ""

    @property
    def passed(self) -> bool:
        return self.outcome is Outcome.PASSED

    @property
    def reached(self) -> Stage:
        """The last funnel stage that the proposal got to."""
        return Stage(self.stage) if self.passed else previous(Stage(self.stage))


@dataclass(frozen=True)
class Finding:
    """What one check found. ``diagnostics`` is kept with the task whatever the outcome."""

    outcome: Outcome
    reason: str = ""
    feedback: str = ""
    diagnostics: Mapping[str, Json] = field(default_factory=dict)

    @classmethod
    def passed(cls, **diagnostics: Json) -> Finding:
        return cls(Outcome.PASSED, diagnostics=diagnostics)

    @classmethod
    def failed(cls, reason: str, feedback: str = "", **diagnostics: Json) -> Finding:
        return cls(Outcome.FAILED, reason, feedback or reason, diagnostics)


@runtime_checkable
class Check(Protocol):
    """A check of one task, past the paper's filter. ``stage`` says where in the funnel, STABLE to NEW."""

    name: ClassVar[str]
    stage: ClassVar[Stage]
    Config: ClassVar[type[BaseModel]]

    def __init__(self, config: Any) -> None: ...

    def check(self, task: Task, runner: TaskRunner, evidence: Evidence) -> Finding:
        """Called from several threads at once. Raises SandboxError where the sandbox failed: the verdict is
        then could-not-check."""


@runtime_checkable
class ComparingCheck(Protocol):
    """A check that compares tasks with each other or with held-out test tasks; it runs none of their code.

    It is asked after every ``Check``, in one thread, and of tasks in the order in which they were proposed:
    which of two alike tasks is kept must not depend on which was judged first.
    """

    name: ClassVar[str]
    stage: ClassVar[Stage]
    Config: ClassVar[type[BaseModel]]

    def __init__(self, config: Any) -> None: ...

    def compare(
        self, tasks: Sequence[Task], earlier: Sequence[Task], held_out: Sequence[TestTask]
    ) -> Sequence[Finding]:
        """A finding for each of ``tasks``, which passed all that was asked before. Where findings are only
        noted (a set of somebody's own), tasks that fell, and may not even compile, are among them.

        ``earlier`` were kept before them. One of ``tasks`` that fails is none that later ones are compared
        with. ``held_out`` are the test tasks that the run measures with, and none where there is no run.
        """


AnyCheck = Check | ComparingCheck

# What judges unless a manifest says otherwise, by name. Every other check judges only where it is named, so
# that a package that is installed does not change a verdict by being there.
STANDARD_CHECKS = ("stability", "dependence", "strength", "completeness", "novelty")
