"""Failure cases where a challenger wrote too few that run: close attempts with the solution's own tools.

A small model writes a sound task, and then two failure cases instead of three, or one that calls a tool with
an argument that it does not have. The verdict does not get milder by what is drawn here: the judge tries many
wrong outcomes of its own, which it draws from a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from selfchal.builtin_synthesizers.answer import Draft, Refusal
from selfchal.builtin_synthesizers.readings import Path, list_leaves
from selfchal.builtin_synthesizers.unassigned_results import assign_result, looks_at_answer
from selfchal.core.arena import Arena
from selfchal.core.errors import SandboxError
from selfchal.core.judge import Stage
from selfchal.core.sandbox import Execution, Program
from selfchal.core.task import MIN_FAILURES
from selfchal.core.world import Call, Json, ToolSpec, World
from selfchal.judging.feedback import brief, describe_refused, explain_error
from selfchal.judging.mutants import replace_at
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.rollout.random_calls import RandomCaller

_EXPLORED = 200  # calls from which arguments are drawn
_TRIES = 60  # altered solutions
_LONGEST = 60  # characters of an argument or an answer


NOTHING_DONE = (
    "The solution changes nothing and assigns nothing to result, so there is nothing that could be checked. "
    "Write a task that changes something{or_answer}."
)
_OR_ANSWER = ", or one that asks for a value and assigns it to result"


def complete_draft(written: Draft, arena: Arena, context: Mapping[str, Json], seed: int) -> Draft | Refusal:
    """With a result where an answer is worked out and not assigned, without the failure cases that do not run
    or end as the solution does, and with drawn ones where fewer than three are left.

    A Refusal where the solution does not run, or does nothing, so that no case could differ from it. As it
    was where the sandbox failed: the judge says so.
    """
    draft = _assign_results(written) if arena.environment.answer_required else written
    try:
        solution, final = run_piece(draft.solution, arena, context)
        refusal = refuse_idle(solution, final, arena, context)
        return refusal or complete_failures(draft, solution, final, arena, context, seed)
    except SandboxError:
        return draft


def refuse_idle(
    solution: Execution, final: World, arena: Arena, context: Mapping[str, Json]
) -> Refusal | None:
    """Why nothing can be made of a solution: it does not run, or does nothing."""
    if not solution.ok:
        told = explain_error("the solution", solution)
        return Refusal(f"the solution does not run: {brief(solution)}", Stage.RAN, told)
    if solution.value is None and final.digest() == arena.environment.open(context).digest():
        told = NOTHING_DONE.format(or_answer=_OR_ANSWER if arena.environment.answer_required else "")
        refused = describe_refused(solution)
        return Refusal(told, Stage.SOLUTION_PASSED, f"{told}\n{refused}" if refused else "")
    return None


def complete_failures(
    draft: Draft, solution: Execution, final: World, arena: Arena, context: Mapping[str, Json], seed: int
) -> Draft:
    """The draft with at least three failure cases, as far as they can be drawn; ``solution`` ended in
    ``final``. Raises SandboxError."""
    tried = [(case, *run_piece(case, arena, context)) for case in draft.failures]
    end = final.digest(), solution.value
    sound = [case for case, made, world in tried if made.ok and (world.digest(), made.value) != end]
    missing = max(0, MIN_FAILURES - len(sound))
    attempts = _draw_attempts(solution, final, arena, context, seed) if missing else iter(())
    drawn = tuple(islice((case for case in attempts if case not in sound), missing))
    return replace(draft, failures=(*sound, *drawn), drawn=draft.drawn + len(drawn))


def _assign_results(draft: Draft) -> Draft:
    if not looks_at_answer(draft.evaluate):
        return draft
    solution, *failures = map(assign_result, (draft.solution, *draft.failures))
    return replace(draft, solution=solution, failures=tuple(failures))


def run_piece(source: str, arena: Arena, context: Mapping[str, Json]) -> tuple[Execution, World]:
    """A solution or a failure case on a fresh world, which it leaves as it made it. Raises SandboxError."""
    runner = SandboxTaskRunner(arena)
    return runner.run_patiently(Program(source), lambda: arena.environment.open(context))


def _draw_attempts(
    solution: Execution, final: World, arena: Arena, context: Mapping[str, Json], seed: int
) -> Iterator[str]:
    """Each once: where the solution changes something, its changes with an argument altered; else its wrong
    answers."""
    writes = [call for call in solution.calls if call.changed]
    found = (
        _alter_writes(writes, final, arena, context, seed)
        if writes
        else (f"result = {value!r}" for value in list_wrong_answers(solution.value, _list_values(solution)))
    )
    yield from dict.fromkeys(found)


def _alter_writes(
    writes: Sequence[Call], final: World, arena: Arena, context: Mapping[str, Json], seed: int
) -> Iterator[str]:
    tools = {tool.name: tool for tool in arena.environment.tools}
    start = arena.environment.open(context)
    caller = RandomCaller(arena.environment.tools, seed)
    caller.explore(start.fork(), _EXPLORED)
    for number in range(_TRIES):
        altered = number % len(writes)
        calls = [(call.name, call.name_arguments(list_parameters(tools[call.name]))) for call in writes]
        name, kwargs = calls[altered]
        calls[altered] = name, _alter_argument(kwargs, tools[name], caller, number // len(writes))
        world = start.fork()
        worked = all(world.call(tool, (), given).ok for tool, given in calls)
        if worked and world.digest() not in (start.digest(), final.digest()):
            yield "\n".join(write_call(*call) for call in calls)


def _alter_argument(
    kwargs: Mapping[str, Json], tool: ToolSpec, caller: RandomCaller, number: int
) -> dict[str, Json]:
    """One of the values in the arguments drawn anew, however deep it stands, each in its turn."""
    paths = [path for path, _ in list_leaves(dict(kwargs))]
    if not paths:
        return caller.draw(tool)
    path = paths[number % len(paths)]
    name = next(key for key in reversed(path) if isinstance(key, str))
    drawn = caller.draw_value(name, _find_schema(tool.parameters, path))
    return dict(replace_at(kwargs, path, drawn))


def _find_schema(schema: Mapping[str, Json], path: Path) -> Mapping[str, Json]:
    """The schema of what stands there; an empty one where it does not say."""
    for key in path:
        schema = (
            schema.get("items", {}) if isinstance(key, int) else schema.get("properties", {}).get(key, {})
        )
    return schema


def list_parameters(tool: ToolSpec) -> list[str]:
    """The names of a tool's parameters, in their order."""
    return list(tool.parameters.get("properties", {}))


def _list_values(solution: Execution) -> list[Json]:
    return [value for call in solution.calls for _, value in list_leaves(call.value)]


def list_wrong_answers(answer: Json, seen: Sequence[Json]) -> list[Json]:
    """Of the answer's type: what was seen beside it, then what looks like it."""
    alike = [value for value in seen if type(value) is type(answer) and len(repr(value)) <= _LONGEST]
    return [value for value in dict.fromkeys([*alike, *list_look_alikes(answer)]) if value != answer]


def list_look_alikes(value: Json) -> Iterator[Json]:
    """Wrong answers that look like the right one."""
    if isinstance(value, bool):
        yield from (not value, str(value), None)
    elif isinstance(value, int | float):
        yield from (value + 1, value - 1, value * 2 + 1)
    elif isinstance(value, str):
        yield from (f"{value} ", value[::-1] + "x", value[:-1] + "?")
    else:
        yield from (str(value), None, 0)


def write_call(name: str, kwargs: Mapping[str, Json]) -> str:
    """The call as Python."""
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in kwargs.items())})"


def write_comparison(value: Json) -> str:
    """Python that compares ``answer`` with the value: a number that is no integer to two decimals."""
    if isinstance(value, bool):
        return f"answer is {value}"
    if isinstance(value, float):
        return f"abs(answer - {value!r}) < 0.01"
    return f"answer == {value!r}"
