"""Two calls of which the second takes what the first gives, for an exemplar task that asks for an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from selfchal.core.world import Call, Json, ToolSpec, World
from selfchal.judging.checks.dependence import alter
from selfchal.rollout.random_calls import RandomCaller

_TRIED = 400  # pairs of calls
_WORDS: tuple[Json, ...] = ("river", "stone", 12, 25)  # for tools that work on anything
_DRAWN = 5  # calls of each tool
_SHORTEST, _LONGEST = 3, 30  # characters of a text that reads well as an argument


@dataclass(frozen=True)
class Chain:
    """``last`` was called with what ``first`` gave as its ``parameter``."""

    first: Call
    last: Call
    parameter: str


def find_chain(
    calls: Sequence[Call], tools: Mapping[str, ToolSpec], start: World, may_use: Callable[[Call], bool]
) -> Chain | None:
    """The first pair of readers' calls of which the second hangs on the first: with another value in its
    place it gives something else. Calls with more of their arguments filled come first."""
    readers = [tool for tool in tools.values() if tool.only_reads and "*" not in tool.signature]
    names = {tool.name for tool in readers}
    drawn = [
        RandomCaller(readers, seed, _WORDS).call(start.fork(), tool)
        for seed in range(_DRAWN)
        for tool in readers
    ]
    working = [call for call in [*calls, *drawn] if call.ok and call.name in names]
    worked = sorted(working, key=lambda call: (-len(call.kwargs), -len(str(call.value))))
    pairs = (
        (first, last, name)
        for first in worked
        if _reads_well(first.value) and all(map(_reads_well, first.kwargs.values())) and may_use(first)
        for last in worked
        for name in _list_fitting(tools[last.name], first.value, last)
        if last.name != first.name
    )
    caller = RandomCaller(readers)
    for first, last, name in islice(pairs, _TRIED):
        made = caller.call(start.fork(), tools[last.name], {**last.kwargs, name: first.value})
        other = caller.call(start.fork(), tools[last.name], {**last.kwargs, name: alter(first.value)})
        values = [*first.kwargs.values(), *(value for key, value in last.kwargs.items() if key != name)]
        distinct = len({repr(value) for value in [*values, first.value, made.value]}) == len(values) + 2
        if made.ok and _reads_well(made.value) and distinct and other.value != made.value and may_use(made):
            return Chain(first, made, name)
    return None


def _list_fitting(tool: ToolSpec, value: Json, call: Call) -> Iterator[str]:
    """The parameters of a call that were given a value of this one's type, where the others read well."""
    for name in tool.parameters.get("properties", {}):
        others = [given for key, given in call.kwargs.items() if key != name]
        if type(call.kwargs.get(name)) is type(value) and all(map(_reads_well, others)):
            yield name


def _reads_well(value: Json) -> bool:
    if isinstance(value, str):
        return value.isalnum() and value.isascii() and _SHORTEST <= len(value) <= _LONGEST
    return isinstance(value, int | float) and value not in (0, 1) and len(repr(value)) <= _LONGEST
