"""Runs a task's code on fresh worlds, and gives episodes their reward."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from selfchal.core.arena import Arena
from selfchal.core.environment import Chat, Environment
from selfchal.core.episode import Reward
from selfchal.core.errors import PromptRefusedError, SandboxError
from selfchal.core.evidence import Solver, Trial
from selfchal.core.sandbox import Execution, Limits, Program, Sandbox, Status
from selfchal.core.task import Task
from selfchal.core.world import Json, ToolHost, World
from selfchal.judging.model_grader import grade
from selfchal.parsing import parse_python

_ASSERTED = re.compile(r"^AssertionError(:|$)", re.MULTILINE)
_LONGEST_ANSWER = 10_000  # characters of an answer that are read as a Python literal


@dataclass(frozen=True)
class SandboxTaskRunner:
    """``selfchal.core.evidence.TaskRunner`` over one environment and one sandbox."""

    arena: Arena
    solver: Solver | None = None
    chat: Chat | None = None  # the model that rates the episodes of tasks without an evaluate (PAE)

    @property
    def environment(self) -> Environment:
        return self.arena.environment

    @property
    def sandbox(self) -> Sandbox:
        return self.arena.sandbox

    @property
    def limits(self) -> Limits:
        return self.arena.limits

    def try_code(self, task: Task, source: str, hash_seed: int = 0) -> Trial:
        """Run ``source`` (a solution or a failure case) on a fresh world and evaluate the outcome.

        Raises SandboxError when the sandbox failed.
        """
        program = Program(source, hash_seed=hash_seed)
        execution, world = self.run_patiently(program, lambda: self.environment.open(task.context))
        if not execution.ok:
            return Trial(execution, world)
        return Trial(execution, world, self.verdict(task, world, execution.value, hash_seed))

    def try_nothing(self, task: Task, hash_seed: int = 0) -> Trial:
        """``evaluate`` on the world as it was opened, with no answer. Raises SandboxError."""
        world = self.environment.open(task.context)
        return Trial(Execution(Status.OK), world, self.verdict(task, world, None, hash_seed))

    def verdict(self, task: Task, world: World, answer: Json, hash_seed: int = 0) -> Execution:
        """``evaluate`` on a throw-away copy of this world, with this very value. An assert that fails in it
        is its way to return False; ``error`` then says which. Raises SandboxError."""
        program = Program(task.evaluate, call="evaluate", args=(answer,), hash_seed=hash_seed)
        execution = self.run_patiently(program, world.fork)[0]
        if execution.status is Status.EXCEPTION and _ASSERTED.search(execution.error or ""):
            return replace(execution, status=Status.OK, value=False)
        return execution

    def run_patiently(self, program: Program, fresh: Callable[[], World]) -> tuple[Execution, World]:
        """Run on a fresh world, which is given back as it was left. A machine under load is late at times:
        only a second timeout counts. Raises SandboxError."""
        for _ in range(2):
            world = fresh()
            execution = self.run(program, world)
            if execution.status is not Status.TIMEOUT:
                break
        return execution, world

    def reward(self, task: Task, world: World, answer: str | None) -> Reward:
        """The reward of an agent's episode: ``evaluate`` on its final world and its final answer.

        An agent's answer is text, and the solution's was a value. The text is read as the type of value that
        the judge saw (``diagnostics["answer_type"]``). The reward is None where the sandbox failed
        (CONTRIBUTING.md#invariant-2).
        """
        if not task.evaluate:
            if self.chat is None:
                return Reward(None, "the task has no evaluate, and there is no model to rate it")
            return _rate(task, world, answer, self.chat)
        if outside := self._list_outside(task, world):
            return Reward(0.0, f"changed what the task does not touch: {', '.join(outside[:3])}")
        value = read_answer(answer, str(task.diagnostics.get("answer_type", "")))
        try:
            execution = self.verdict(task, world, value)
        except SandboxError as error:
            return Reward(None, str(error))
        if execution.value is True and execution.ok:
            return Reward(1.0)
        return Reward(0.0, "evaluate returned False" if execution.ok else f"evaluate: {execution.status}")

    def _list_outside(self, task: Task, world: World) -> list[str]:
        """Rows that were changed though the solution leaves them alone, where the task asks for that."""
        if not task.provenance.get("footprint"):
            return []
        allowed = set(task.diagnostics.get("strength", {}).get("footprint", ()))
        return [row for row in changed_rows(world) if row not in allowed]

    def run(self, program: Program, world: ToolHost, limits: Limits | None = None) -> Execution:
        """Run a program, and raise SandboxError where the sandbox failed."""
        execution = self.sandbox.run(program, world, limits or self.limits)
        if execution.status is Status.INFRA_ERROR:
            raise SandboxError(f"the sandbox {self.sandbox.guarantees.sandbox} failed: {execution.error}")
        return execution


def _rate(task: Task, world: World, answer: str | None, chat: Chat) -> Reward:
    """A model's opinion. The question holds the agent's own words, so where the model's endpoint would not
    answer it the episode has failed: an agent must not be able to leave the score that way."""
    try:
        return Reward(float(grade(task, world, answer, chat)), "rated by the model")
    except PromptRefusedError as error:
        return Reward(0.0, f"the model that rates would not answer: {error}")


def changed_rows(world: World) -> list[str]:
    """The rows that differ from the start, as ``table/key``."""
    return sorted({"/".join(map(str, change.path[:2])) for change in world.difference()})


def read_answer(text: str | None, answer_type: str) -> Json:
    """The value that an answer's text stands for, where the solution's answer was of this type.

    Text stays text for ``str`` and for an unknown type that does not read as a number.
    """
    if text is None or answer_type == "str":
        return text
    try:
        plain = text.strip()[:_LONGEST_ANSWER].replace("$", "").strip()
        value = ast.literal_eval(parse_python(plain, "eval"))
        repr(value)  # raises ValueError for an integer that is too long to be written
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return text
    if answer_type in ("", "int", "float"):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if is_number else text
    return value if type(value).__name__ in (answer_type, "list", "dict", "bool") else text


def answer_type(value: Json) -> str:
    """What ``read_answer`` needs to know of a solution's answer."""
    return "" if value is None else type(value).__name__
