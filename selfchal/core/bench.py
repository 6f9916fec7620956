"""The bench: where a task's code is tried on fresh worlds, and episodes get their reward."""

from __future__ import annotations

from dataclasses import dataclass

from selfchal.core.environment import Environment
from selfchal.core.sandbox import Execution, Limits, Program, Sandbox
from selfchal.core.task import Task
from selfchal.core.world import Json, World


@dataclass(frozen=True)
class Trial:
    """One piece of code run on a fresh world, then ``evaluate`` on a throw-away copy of the outcome.

    ``evaluation`` is None when the code itself did not run to its end.
    """

    execution: Execution
    world: World
    evaluation: Execution | None = None

    @property
    def infra_failed(self) -> bool:
        return any(
            run is not None and run.status == "infra_error" for run in (self.execution, self.evaluation)
        )

    @property
    def passes(self) -> bool:
        """``evaluate`` returned exactly True."""
        return self.evaluation is not None and self.evaluation.ok and self.evaluation.value is True


@dataclass(frozen=True)
class Bench:
    environment: Environment
    sandbox: Sandbox
    limits: Limits

    def try_code(self, task: Task, source: str, hash_seed: int = 0) -> Trial:
        """Run ``source`` (a solution, a failure case, nothing at all) on a fresh world and evaluate it."""
        world = self.environment.open(task.context)
        execution = self.sandbox.run(Program(source, hash_seed=hash_seed), world, self.limits)
        if not execution.ok:
            return Trial(execution, world)
        answer = execution.value
        return Trial(execution, world, self.evaluate(task, world, answer, hash_seed))

    def evaluate(self, task: Task, world: World, answer: Json, hash_seed: int = 0) -> Execution:
        """The task's ``evaluate`` on a throw-away copy of this world, in a process of its own."""
        program = Program(task.evaluate, call="evaluate", args=(answer,), hash_seed=hash_seed)
        return self.sandbox.run(program, world.fork(), self.limits)
