"""Completeness by behaviour: attempts by a solver that gets only the instruction and the tools.

Where no attempt passes, and most of them end in one and the same other state (or answer), the instruction
asks for something else than evaluate. Attempts that all differ mean little: the task may be hard. The check
costs rollouts, so it is none of the standard ones. A manifest asks for it by name:

    checks:
      - name: attempts
        attempts: 4
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from selfchal.core.errors import PluginError
from selfchal.core.evidence import Evidence, TaskRunner
from selfchal.core.judge import Finding, Stage
from selfchal.core.task import Task


class AttemptsConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    attempts: int = Field(4, ge=2, le=1_000, description="Attempts at each task.")
    agreement: float = Field(
        0.75, gt=0, le=1, description="Share that must agree on another outcome to refuse."
    )


@dataclass(frozen=True)
class Attempts:
    """Solvers that get the instruction alone agree with evaluate, so the task is complete."""

    config: AttemptsConfig
    name: ClassVar[str] = "attempts"
    stage: ClassVar[Stage] = Stage.COMPLETE
    Config: ClassVar[type[BaseModel]] = AttemptsConfig

    def check(self, task: Task, runner: TaskRunner, evidence: Evidence) -> Finding:
        """Raises PluginError where no solver is there to make the attempts."""
        if runner.solver is None:
            raise PluginError("the check 'attempts' needs a solver; it only works where a model is loaded.")
        attempts = runner.solver(task, self.config.attempts)
        initial_digest = evidence.nothing.world.digest()
        passed = sum(attempt.passed for attempt in attempts)
        others = Counter(
            (attempt.digest, repr(attempt.answer))
            for attempt in attempts
            if not attempt.passed and (attempt.digest != initial_digest or attempt.answer is not None)
        )
        outcome, agreeing = others.most_common(1)[0] if others else (None, 0)
        diagnostics = {"attempts": len(attempts), "passed": passed, "agreeing": agreeing}
        if attempts and not passed and agreeing >= self.config.agreement * len(attempts):
            assert outcome is not None, "somebody agreed on it"
            return Finding.failed(
                f"{agreeing} of {len(attempts)} attempts agree on another outcome than evaluate asks for",
                f"Attempts from the instruction alone agree on another outcome (answer {outcome[1][:100]}). "
                "Make the instruction and evaluate ask for the same.",
                **diagnostics,
            )
        return Finding.passed(**diagnostics)
