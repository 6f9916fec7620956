"""Toolsets of the profiles: how tools are named in error texts, and how arguments are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import FunctionType, ModuleType

from selfchal.builtin_envs.tables.world import Arguments, Check, Function, Refused, Toolset
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json
from selfchal.tools.arguments import find_mismatch
from selfchal.tools.tool import Tool, tool

TRANSFER = "transfer_to_human_agents"


def compat_toolset(domain: str, reads: Iterable[Function], writes: Iterable[Function]) -> Toolset:
    """The original's tools: Python itself complains about arguments, in the original's names."""
    return Toolset(_make_tools(map(_rename, reads), map(_rename, writes)), _call_as_python_does(domain))


def checked_toolset(
    reads: Iterable[Function], writes: Iterable[Function], wording: Callable[[str], str] = str
) -> Toolset:
    """Tools whose arguments must fit their schema, and whose failing calls leave nothing behind.

    Each is a function whose first parameter is the world's tables (an ``Overlay``). It says no by raising
    ``Refused``; ``wording`` makes of the reason what is said. Parameters have plain JSON types. The one that
    is called ``transfer_to_human_agents`` ends the episode.

    Raises EnvironmentDataError for a function that cannot be a tool.
    """
    tools = _make_tools(reads, writes)
    for name, made in tools.items():
        if made.converters:
            raise EnvironmentDataError(
                f"the tool {name}: {', '.join(made.converters)} must be of a plain JSON type (str, int, "
                "float, bool, Literal, a list or a dict of them); make what you need of it in the function"
            )
    return Toolset(tools, _call_by_schema, wording, atomic=True)


def capitalised(reason: str) -> str:
    """tau2-bench's error texts are tau-bench's, but for the first letter."""
    return reason[:1].upper() + reason[1:]


def _make_tools(reads: Iterable[Function], writes: Iterable[Function]) -> dict[str, Tool]:
    """Tools by name, sorted as the originals list them."""
    tools = [tool(f, ends_episode=f.__name__ == TRANSFER, bound=True) for f in reads]
    tools += [tool(f, writes=True, bound=True) for f in writes]
    return {made.spec.name: made for made in sorted(tools, key=lambda made: made.spec.name)}


def _call_by_schema(tool: Tool, args: Sequence[Json], kwargs: Arguments) -> None:
    wrong = find_mismatch(tool.function, tool.spec, (None, *args), kwargs)  # None: the world's place
    if wrong is not None:
        raise Refused(wrong)


def _call_as_python_does(domain: str) -> Check:
    """The originals pass the database as ``data``: only a second argument of that name is caught here."""

    def check(tool: Tool, args: Sequence[Json], kwargs: Arguments) -> None:
        if "data" in kwargs:
            name = tool.spec.name
            where = f"tau_bench.envs.{domain}.tools.{name}.{_name_original(name)}"
            raise TypeError(f"{where}() got multiple values for keyword argument 'data'")

    return check


def _name_original(name: str) -> str:
    return f"{name.title().replace('_', '')}.invoke"


def _rename(function: Function) -> Function:
    """A copy of the function that CPython's own error texts call by the original's name."""
    copy = FunctionType(function.__code__, function.__globals__, function.__name__)
    copy.__annotations__ = function.__annotations__
    copy.__doc__ = function.__doc__
    copy.__qualname__ = _name_original(function.__name__)
    return copy


def described_by(original: Function) -> Callable[[Function], Function]:
    """Give a mended tool the documentation of the tool that it mends."""

    def describe(function: Function) -> Function:
        function.__doc__ = original.__doc__
        return function

    return describe


def mended(functions: Iterable[Function], mends: ModuleType) -> list[Function]:
    """The same tools, with those of ``mends`` in the place of their namesakes."""
    return [vars(mends).get(function.__name__, function) for function in functions]
