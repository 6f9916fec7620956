"""What can be found wrong with a small environment when it is made, each with what to do about it."""

from __future__ import annotations

import builtins
import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from selfchal.core.environment import ExampleCalls
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json
from selfchal.judging.tool_errors import SLIPS
from selfchal.small_envs.held_out import HeldOut
from selfchal.small_envs.world import READER_WROTE, SmallWorld, State, find_odd
from selfchal.tools.tool import Tool, tool

# Names that code beside the tools uses: Python's own, and that of a task's verifier.
TAKEN = frozenset({*dir(builtins), "evaluate"})
ToolFunction = Callable[..., Any]


def check_arguments(name: Any, reads: Any, writes: Any, test_tasks: Any, policy: Any, explore: Any) -> None:
    """Raises EnvironmentDataError for an argument of another type than it must be."""
    if not isinstance(name, str):
        raise EnvironmentDataError(f"an environment's name is a text, not {name!r:.60}")
    if not isinstance(policy, str):
        raise EnvironmentDataError(f"{name}: the policy is a text, not {policy!r:.60}")
    for argument, functions in (("reads", reads), ("writes", writes)):
        if not isinstance(functions, list | tuple):
            raise EnvironmentDataError(f"{name}: {argument} is a list of functions, not {functions!r:.60}")
    if not isinstance(test_tasks, list | tuple) or not all(isinstance(one, HeldOut) for one in test_tasks):
        raise EnvironmentDataError(f"{name}: test_tasks is a list of HeldOut, not {test_tasks!r:.60}")
    if not callable(explore):
        raise EnvironmentDataError(
            f"{name}: explore is a function that gives a context for a seed, not {explore!r:.60}"
        )


def check_example_calls(name: str, example_calls: Any, tools: Mapping[str, Tool]) -> ExampleCalls:
    """The calls as they are. Raises EnvironmentDataError for what is no call of these tools."""
    if not isinstance(example_calls, list | tuple):
        raise EnvironmentDataError(f"{name}: example_calls is a list of calls, not {example_calls!r:.60}")
    for one in example_calls:
        if not (isinstance(one, list | tuple) and len(one) == 2 and isinstance(one[1], Mapping)):
            wanted = '("lend", {"title": "Emma"}), a tool and its arguments by name'
            raise EnvironmentDataError(f"{name}: a call in example_calls is {wanted}, not {one!r:.60}")
        if one[0] not in tools:
            raise EnvironmentDataError(f"{name}: example_calls calls {one[0]!r:.60}, which is no tool of it")
    return tuple(example_calls)


def check_start(name: str, start: State) -> State:
    """A copy of the state that worlds start from. Raises EnvironmentDataError for one that is no JSON."""
    if not isinstance(start, dict):
        raise EnvironmentDataError(
            f"{name}: start is a dict whose keys name the parts of the state, not {start!r:.60}"
        )
    if odd := find_odd(start):
        raise EnvironmentDataError(f"{name}: start has {odd}")
    return copy.deepcopy(start)


def make_tools(name: str, reads: Sequence[ToolFunction], writes: Sequence[ToolFunction]) -> dict[str, Tool]:
    """The tools by name. Raises EnvironmentDataError."""
    if not (reads or writes):
        raise EnvironmentDataError(f"{name} has no tools; list functions under reads= and writes=")
    tools: dict[str, Tool] = {}
    for function, writing in (*((f, False) for f in reads), *((f, True) for f in writes)):
        _check_function(name, function)
        if function.__name__ in tools:
            raise EnvironmentDataError(
                f"{name}: two tools are called {function.__name__}; a tool is listed once, under writes= "
                "if it changes anything"
            )
        try:
            tools[function.__name__] = tool(function, writes=writing, bound=True)
        except EnvironmentDataError as error:
            raise EnvironmentDataError(f"{name}: {error}") from error
    return tools


def _check_function(name: str, function: ToolFunction) -> None:
    called = getattr(function, "__name__", None)  # a partial or an object that can be called has none
    if inspect.ismethod(function):
        raise EnvironmentDataError(
            f"{name}: {called} is a method of an object, and what an object keeps cannot be put back; write "
            f"it as def {called}(state: dict, …), and keep in the state what the object kept"
        )
    if not inspect.isfunction(function) or called is None or not called.isidentifier():
        raise EnvironmentDataError(
            f"{name}: {function!r} cannot be a tool, for a tool is called by its name; write it as a "
            "function with def"
        )
    if called in TAKEN:
        raise EnvironmentDataError(
            f"{name}: a tool cannot be called {called}, for the code of agents and tasks has something else "
            f"of that name; call it {called}_item, say"
        )
    if inspect.iscoroutinefunction(function):
        raise EnvironmentDataError(
            f"{name}: {called} is async, and tools are called without waiting; use def"
        )
    parameters = list(inspect.signature(function).parameters.values())
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if not parameters or parameters[0].kind not in by_place:
        raise EnvironmentDataError(
            f"{name}: {called} has no parameter for the state; write it first, as in "
            f"def {called}(state: dict, …)"
        )


def try_readers(name: str, start: State, tools: Mapping[str, Tool]) -> None:
    """Call the readers that need no argument on a copy of the state.

    Raises EnvironmentDataError for one that changes the state, or whose own code is broken.
    """
    world = SmallWorld(start, tools)
    for used in tools.values():
        if used.spec.writes or used.spec.parameters["required"]:
            continue
        result = world.call(used.spec.name, (), {})
        if result.error == READER_WROTE or result.error in SLIPS:
            raise EnvironmentDataError(f"{name}: the tool {used.spec.name} fails: {result.value}")


def check_explore(name: str, explore: Callable[[int], Mapping[str, Json]]) -> None:
    """Raises EnvironmentDataError where ``explore`` gives no context that JSON can hold."""
    context: Any = explore(0)
    if not isinstance(context, Mapping):
        raise EnvironmentDataError(
            f"{name}: explore(0) gave a {type(context).__name__}; it gives a dict, as {{'member': 'Ann'}}"
        )
    if odd := find_odd(dict(context), "context"):
        raise EnvironmentDataError(f"{name}: explore(0) gave {odd}")
