"""Mutants of a solution in which a call does half of what it should, or the same in sum.

A verifier may look for one of the things that were to go back and forget the others, or add up two numbers
that each have to be right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from selfchal.core.evidence import Evidence
from selfchal.core.world import Call, Json
from selfchal.judging.mutants import Mutant, placed, with_argument

PART, BALANCE = "part", "balance"
_MOST = 4  # members that are left out, and pairs of numbers that are altered, of one call


def half_changes(evidence: Evidence) -> Iterator[Mutant]:
    """The solution with a member of a list of names left out of one call, or with two of its numbers moved by
    one in opposite directions. ``value`` is what was left out, or the numbers."""
    calls = evidence.solution.execution.calls
    final = evidence.solution.world.digest()
    for number, call in enumerate(calls):
        for kind, value, other in _alter(call) if call.changed else ():
            world = evidence.replays.altered(number, other)
            if world is None or world.digest() == final:
                continue
            what = (
                f"the solution without {value!r}"
                if kind == PART
                else f"the solution with numbers beside {value!r}"
            )
            answer = evidence.solution.execution.value
            yield Mutant(f"{what} in {call.name}", kind, world, answer, number, value)


def _alter(call: Call) -> Iterator[tuple[str, Json, Call]]:
    lists = [one for one in (*call.args, *call.kwargs.values()) if _is_list_of_names(one)]
    for length in {len(one) for one in lists if len(one) > 1}:
        for at in range(min(length, _MOST)):
            left_out = next(one[at] for one in lists if len(one) == length)
            args = [_drop(one, at, length) for one in call.args]
            kwargs = {name: _drop(one, at, length) for name, one in call.kwargs.items()}
            yield PART, left_out, Call(call.name, tuple(args), kwargs, call.value, call.ok, call.changed)
    numbers = [
        (where, value)
        for where, value in placed([list(call.args), dict(call.kwargs)])
        if isinstance(value, int) and not isinstance(value, bool)
    ]
    for (here, one), (there, other) in list(combinations(numbers, 2))[:_MOST]:
        for by in (1, -1):
            moved = with_argument(with_argument(call, here, one + by), there, other - by)
            yield BALANCE, [one, other], moved


def _is_list_of_names(value: Json) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)


def _drop(value: Json, at: int, length: int) -> Json:
    """A list of names of this length without one of its members; anything else as it is."""
    return [*value[:at], *value[at + 1 :]] if _is_list_of_names(value) and len(value) == length else value


def first_half(
    halves: Sequence[Mutant], altered: Sequence[Mutant], accepted: Sequence[Mutant]
) -> Mutant | None:
    """The first of these that evaluate accepts, although it looks at what they are about: another
    member in the list is noticed, and so is each of the numbers alone."""
    passing = {id(mutant) for mutant in accepted}
    for half in halves:
        if id(half) not in passing:
            continue
        same_call = [one for one in altered if one.call == half.call]
        if half.kind == PART and any(one.in_list and id(one) not in passing for one in same_call):
            return half
        numbers = [one for one in same_call if one.value in half.value] if half.kind == BALANCE else []
        if numbers and not any(id(one) in passing for one in numbers):
            return half
    return None
