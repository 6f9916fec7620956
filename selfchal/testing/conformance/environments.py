"""What every environment must keep: worlds that are private, resettable and tell what changed; tools that
work and never raise; held-out tasks that their own solution solves, and that nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import selfchal.testing.conformance.environment_tasks as environment_tasks
import selfchal.testing.conformance.environment_tools as environment_tools
import selfchal.testing.conformance.environment_worlds as environment_worlds
from selfchal.core.environment import ExampleCalls
from selfchal.core.world import Json
from selfchal.testing.conformance.case import Case, CaseLevel, declared
from selfchal.testing.conformance.environment_subject import Subject
from selfchal.testing.conformance.twins import is_registered

Rule = Callable[[Subject], None]
_PRIVATE = (
    "Keep the state in the world: no globals, no class attributes, no mutable defaults, and copy the start."
)

STATIC: dict[str, tuple[Rule, str]] = {
    "tools have schemas and descriptions": (
        environment_tools.tools_are_described,
        "Make each ToolSpec of a typed, documented function with selfchal.tool, or mend the one "
        "that is named.",
    ),
}
RUNTIME: dict[str, tuple[Rule, str]] = {
    "gives what its contract promises": (
        environment_tasks.gives_what_is_promised,
        "Return the type that the sentence names; docs/plugins/environment.md has all of them.",
    ),
    "fresh worlds are equal and unchanged": (environment_worlds.worlds_start_alike, _PRIVATE),
    "tools work": (environment_tools.tools_work, "Mend the tool, or show a call of it that works."),
    "no call raises, whatever its arguments": (
        environment_tools.calls_never_raise,
        "World.call catches what a tool raises, and gives ToolResult(text, ok=False, raises=True) "
        "with JSON alone.",
    ),
    "equal calls on fresh worlds give equal answers": (
        environment_worlds.answers_repeat,
        f"No clock and no random numbers in tools. {_PRIVATE}",
    ),
    "answers and arguments are the caller's own": (
        environment_worlds.answers_are_copies,
        "Give a copy of what the state holds (copy.deepcopy), and copy the arguments before you change them.",
    ),
    "worlds do not touch each other": (environment_worlds.worlds_are_private, _PRIVATE),
    "a fork goes on from its origin": (
        environment_worlds.forks_go_on,
        "fork() copies the whole present state.",
    ),
    "a fork does not touch its origin": (environment_worlds.forks_are_private, "fork() copies deeply."),
    "reset leads back to the start": (
        environment_worlds.reset_leads_back,
        "reset() puts back all of the state.",
    ),
    "digest and difference agree": (
        environment_worlds.digest_and_difference_agree,
        "Make the digest of all of the state, with sorted keys, and a Change for each leaf that is "
        "another one.",
    ),
    "tools that read change nothing": (
        environment_tools.readers_change_nothing,
        "Declare the tool with writes=True, or keep it from changing the state.",
    ),
    "exploration contexts open worlds, the same for the same seed": (
        environment_tasks.contexts_open,
        "Draw from random.Random(seed), and give a new dict of JSON values each time.",
    ),
    "test tasks have ids of their own, always the same": (
        environment_tasks.test_tasks_are_told_apart,
        "Make ids with selfchal.task_id of what the task is, without a clock, random numbers or hash().",
    ),
}
SEMANTIC: dict[str, tuple[Rule, str]] = {
    "the oracle solves test tasks, doing nothing does not": (
        environment_tasks.oracle_solves,
        "Mend oracle() or grade(); a task that the fresh world solves already is none.",
    ),
    "half of the oracle solves no test task": (
        environment_tasks.half_solves_nothing,
        "grade() compares the whole final state, or asks for each thing that the instruction asks for.",
    ),
    "nonsense solves no test task, however long it is": (
        environment_tasks.nonsense_solves_nothing,
        "Compare the answer with what is expected, and no part of it with words that any text may hold.",
    ),
}


def environment_cases(
    cls: type[Any],
    options: Mapping[str, Json] | None = None,
    sandbox: str = "process",
    calls: int = 500,
    examples: ExampleCalls = (),
) -> list[Case]:
    """The cases for an environment class with these options. The oracle's code runs in that sandbox;
    ``calls`` random calls are made to every tool host. ``examples`` are calls that work on a fresh world, of
    tools that no held-out task uses and random calls do not find out."""
    kit = Subject(cls, options or {}, sandbox, calls, examples)
    rules = [(CaseLevel.STATIC, STATIC), (CaseLevel.RUNTIME, RUNTIME)]
    if is_registered("environment", cls):
        twins: tuple[Rule, str] = (
            environment_worlds.twins_agree,
            "Sort what comes out of a set before it is shown.",
        )
        rules.append((CaseLevel.RUNTIME, {"answers alike in other processes, under other hash seeds": twins}))
    rules.append((CaseLevel.SEMANTIC, SEMANTIC))
    return [
        *declared("environment", cls, options or {}),
        *(
            Case(text, partial(rule, kit), level, cure)
            for level, part in rules
            for text, (rule, cure) in part.items()
        ),
    ]
