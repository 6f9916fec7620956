"""``evaluate`` and failure cases written by the program; the challenger wrote instruction and solution.

A small model writes many a sound task with a verifier that does not fit it. What the solution answered, or
changed in what a tool shows, is known once it has run; ``evaluate`` compares with that. So such a verifier
says what the solution does and not what the instruction asks for: whether the two belong together is left to
the judge, which asks whether the instruction says every value that the solution uses. One sign that they do
not is looked for here, a tool whose results do not count for the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from selfchal.builtin_synthesizers.answer import Draft, Refusal
from selfchal.builtin_synthesizers.close_attempts import (
    complete_failures,
    refuse_idle,
    run_piece,
    write_comparison,
)
from selfchal.builtin_synthesizers.exemplar import find_condition
from selfchal.builtin_synthesizers.unassigned_results import assign_result
from selfchal.core.arena import Arena
from selfchal.core.errors import SandboxError
from selfchal.core.judge import Stage
from selfchal.core.sandbox import Execution, Program
from selfchal.core.world import Json, ToolResult, World
from selfchal.judging.checks.dependence import alter
from selfchal.judging.runner import SandboxTaskRunner

NOT_SHOWN = (
    "No tool shows what the solution changed, so it cannot be checked. Change something that can be read."
)
UNUSED = (
    "The answer does not hang on what {tool} gave. Leave {tool} out, or write a task in which what it gives "
    "goes into the next call, and assign the last value to result."
)
# Where the sandbox failed there is no outcome to compare with; the judge finds that out before it asks this.
UNWRITTEN = "def evaluate():\n    return False"


def write_checks(written: Draft, arena: Arena, context: Mapping[str, Json], seed: int) -> Draft | Refusal:
    """The draft with an ``evaluate`` and failure cases that fit what its solution does.

    A Refusal where the solution does not run, does nothing, or changes what no tool shows.
    """
    source = assign_result(written.solution) if arena.environment.answer_required else written.solution
    draft = replace(written, solution=source, evaluate=UNWRITTEN, failures=(), drawn=0)
    try:
        solution, final = run_piece(source, arena, context)
        if refusal := refuse_idle(solution, final, arena, context):
            return refusal
        evaluate = _write_evaluate(solution, final, arena, context)
        if evaluate is None:
            return Refusal(NOT_SHOWN, Stage.SOLUTION_PASSED)
        if unused := _find_unused_tool(draft, solution, arena, context):
            return Refusal(UNUSED.format(tool=unused), Stage.SOLUTION_PASSED)
        return complete_failures(replace(draft, evaluate=evaluate), solution, final, arena, context, seed)
    except SandboxError:
        return draft


def _write_evaluate(
    solution: Execution, final: World, arena: Arena, context: Mapping[str, Json]
) -> str | None:
    """Of the answer where one was given, else of the state; None where no tool shows the change."""
    if arena.environment.answer_required and solution.value is not None:
        return f"def evaluate(answer):\n    return {write_comparison(solution.value)}"
    condition = find_condition(arena.environment, context, solution.calls, final)
    return condition and f"def evaluate():\n    return {condition}"


def _find_unused_tool(
    draft: Draft, solution: Execution, arena: Arena, context: Mapping[str, Json]
) -> str | None:
    """A tool that was called and all of whose results could be others without another answer; None where the
    state counts. Calls that change the world matter by that. Raises SandboxError."""
    if solution.value is None:
        return None
    changed = {call.name for call in solution.calls if call.changed}
    for tool in dict.fromkeys(call.name for call in solution.calls):
        if tool not in changed:
            world = _OneToolAltered(arena.environment.open(context), tool)
            again = SandboxTaskRunner(arena).run(Program(draft.solution), world)
            if again.ok and again.value == solution.value:
                return tool
    return None


@dataclass(frozen=True)
class _OneToolAltered:
    """A world's tools, of which one answers other values of the same type."""

    world: World
    altered: str

    @property
    def tool_names(self) -> Sequence[str]:
        return self.world.tool_names

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        result = self.world.call(name, args, kwargs)
        return replace(result, value=alter(result.value)) if name == self.altered and result.ok else result
