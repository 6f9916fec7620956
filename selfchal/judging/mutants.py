"""Mutants of a solution: one of its calls left out or altered, its answer altered."""

from __future__ import annotations

import re
import reprlib
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from selfchal.core.evidence import Evidence, StateExplorer
from selfchal.core.world import Call, Json, ToolSpec, World
from selfchal.judging.same_answer import Tolerance, is_same_answer

_MOST_ARGUMENTS = 24  # altered arguments a task, the first ones
_SIBLINGS = 12  # ids beside one that are tried in its place
_MOST_MET = 24
_RECORDS = 12  # other records that the solution's change is tried on
_SEVERAL = 3  # choices of a schema, or parts of a date
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_RECORD_DEPTH = 2  # a change's path begins with the table and the record's key

_BRIEF = reprlib.Repr()  # of an answer that may have 90,000 members
_BRIEF.maxlist = _BRIEF.maxtuple = _BRIEF.maxdict = 20
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = 200


@dataclass(frozen=True)
class Mutant:
    """An outcome that is not the solution's: what was done to it, the final world, the answer."""

    what: str
    kind: str  # left out, record, argument, answer
    world: World
    answer: Json = None
    call: int = -1  # which call an argument was altered in, and what stood and stands there
    value: Json = None
    other: Json = None
    chosen: bool = False  # the schema offers both
    in_list: bool = False  # what was altered is a member of a list


def left_out(evidence: Evidence) -> Iterator[Mutant]:
    """The solution without one of its calls that changed something, for each of them."""
    calls = evidence.solution.execution.calls
    writes = [i for i, call in enumerate(calls) if call.changed]
    final = evidence.solution.world.digest()
    for i in writes if len(writes) > 1 else ():
        world = evidence.replays.without(i)
        if world is not None and world.digest() != final:
            what = f"the solution without its call of {calls[i].name}"
            yield Mutant(what, "left out", world, evidence.solution.execution.value)


def other_records(evidence: Evidence, constants: Sequence[Json], draw: Random) -> Iterator[Mutant]:
    """The solution's change on other records: those that the verifier names, and some that are drawn of those
    that stand beside the changed one."""
    known_endings = evidence.solution.world.digest(), evidence.nothing.world.digest()
    paths = [change.path for change in evidence.solution.world.difference()]
    changed = {str(part) for path in paths for part in path[:_RECORD_DEPTH]}
    explorer = evidence.explored()
    given = {
        value
        for call in evidence.solution.execution.calls
        for _, value in placed([list(call.args), dict(call.kwargs)] if call.changed else [])
        if isinstance(value, str)
    }
    for value in sorted((changed | explorer.listed) & given):
        known = {*explorer.siblings.get(value, ()), *explorer.described} - given
        rivals = sorted(other for other in known if explorer.alike(other, value))
        named = [
            other for other in map(str, constants) if explorer.alike(other, value) and other not in given
        ]
        drawn = draw.sample(rivals, min(_RECORDS, len(rivals)))
        for other in dict.fromkeys((*named, *drawn)):
            world = evidence.replays.exchanged(value, other)
            if world is not None and world.digest() not in known_endings:
                answer = evidence.solution.execution.value
                yield Mutant(f"the same change on {other!r} instead of {value!r}", "record", world, answer)


def altered_arguments(evidence: Evidence, tools: Sequence[ToolSpec], draw: Random) -> Iterator[Mutant]:
    """The solution with one argument of a changing call altered so that the call still works.

    A text without choices is altered once more so that its length and its ends stay: a verifier may look at
    those alone. Of a schema's choices several are tried, for one may be what the world began with, and of a
    date each part.
    """
    calls = evidence.solution.execution.calls
    final = evidence.solution.world.digest()
    pool = _collect_pool(evidence)
    made = 0
    for i, call in enumerate(calls):
        choices = _read_choices(call, tools) if call.changed else {}
        for where, value in placed([list(call.args), dict(call.kwargs)]) if call.changed else ():
            beside = [other for other in choices.get(where, ()) if other != value]
            forms = [("argument", [*beside, *_list_others(value, pool, evidence.explored())])]
            forms += [("form", _list_alike(value, draw))] if isinstance(value, str) and not beside else []
            for kind, others in forms:
                several = is_date(value) if kind == "form" else bool(beside)
                tried = 0
                for other in others:
                    world = evidence.replays.altered(i, with_argument(call, where, other))
                    if world is None or world.digest() == final:
                        continue
                    what = f"the solution with {other!r} for {value!r} in {call.name}"
                    answer = evidence.solution.execution.value
                    yield Mutant(
                        what,
                        kind,
                        world,
                        answer,
                        i,
                        value,
                        other,
                        other in beside,
                        isinstance(where[-1], int) and len(where) > 2,
                    )
                    made += kind == "argument"
                    tried += 1
                    if not several or tried == _SEVERAL:
                        break
            if made >= _MOST_ARGUMENTS:
                return


def _read_choices(call: Call, tools: Sequence[ToolSpec]) -> dict[tuple[str | int, ...], list[Json]]:
    """What the tool's schema lets choose from, by the place of the argument."""
    properties: Mapping[str, Json] = next(
        (tool.parameters.get("properties", {}) for tool in tools if tool.name == call.name), {}
    )
    found: dict[tuple[str | int, ...], list[Json]] = {}
    for index, (name, schema) in enumerate(properties.items()):
        for where in ((0, index), (1, name)):
            found[where] = list(schema.get("enum", ()))
    return found


def _list_alike(value: str, draw: Random) -> list[str]:
    """Texts of the same length, with the same first and last characters; the first has the same letters."""
    if is_date(value):
        year, month, day = map(int, value.split("-"))
        return [
            f"{year:04}-{month % 12 + 1:02}-{min(day, 28):02}",
            f"{year + 1:04}-{month:02}-{min(day, 28):02}",
            f"{year:04}-{month:02}-{day % 28 + 1:02}",
        ]
    middle = value[2:-2]
    if len(set(middle)) < 2:
        return []
    shuffled = "".join(draw.sample(middle, len(middle)))
    drawn = "".join(draw.choice(string.ascii_lowercase) for _ in middle)
    found = [value[:2] + inner + value[-2:] for inner in (shuffled, drawn)]
    return [other for other in found if not is_same_answer(other, value, Tolerance())]


def is_date(value: Json) -> bool:
    return isinstance(value, str) and _DATE.fullmatch(value) is not None


def altered_answers(evidence: Evidence, wrong: Sequence[Json]) -> Iterator[Mutant]:
    """The solution's world with each of these answers."""
    answer = evidence.solution.execution.value
    worlds = (evidence.solution.world, evidence.nothing.world)  # an agent may guess without a look
    for number, other in enumerate(wrong):
        what = f"the answer {_BRIEF.repr(other)} instead of {_BRIEF.repr(answer)}"
        yield Mutant(what, "answer", worlds[number % 2], other)


_SCALARS = frozenset({str, int, float, bool})


def placed(value: Json, where: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    """The scalars in a value, each with its place."""
    if value.__class__ in _SCALARS:  # most are, and an isinstance of Mapping takes its time
        yield where, value
    elif isinstance(value, Mapping | list | tuple):
        for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            if inner.__class__ in _SCALARS:
                yield (*where, key), inner
            else:
                yield from placed(inner, (*where, key))
    elif value is not None:
        yield where, value


def with_argument(call: Call, where: tuple[str | int, ...], value: Json) -> Call:
    """The call with another value at this place (as ``placed`` names places) of its arguments."""
    args, kwargs = replace_at([list(call.args), dict(call.kwargs)], where, value)
    return Call(call.name, tuple(args), kwargs, call.value, call.ok, call.changed)


def replace_at(whole: Json, where: tuple[str | int, ...], value: Json) -> Json:
    """Copy only the containers on the path. The rest is shared, because worlds copy what they are given."""
    if not where:
        return value
    part: Json = dict(whole) if isinstance(whole, Mapping) else list(whole)
    part[where[0]] = replace_at(part[where[0]], where[1:], value)
    return part


def _collect_pool(evidence: Evidence) -> list[str]:
    """Strings that the solution and the failure cases saw or said, in order of appearance."""
    found: dict[str, None] = {}
    for trial in (*evidence.failures, evidence.solution):
        for call in trial.execution.calls:
            for _, value in placed([list(call.args), dict(call.kwargs), call.value]):
                if isinstance(value, str) and len(value) <= 80:
                    found[value] = None
            if isinstance(call.value, Mapping):
                found |= dict.fromkeys(key for key in call.value if isinstance(key, str))
                for inner in call.value.values():
                    if isinstance(inner, Mapping):
                        found |= dict.fromkeys(key for key in inner if isinstance(key, str))
    return list(found)


def _list_others(value: Json, pool: Sequence[str], explorer: StateExplorer) -> list[Json]:
    """Values to try in place of this one, likely ones first."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, value - 1]
    shape = _compute_shape(value)
    beside = sorted(other for other in explorer.siblings.get(value, ()) if explorer.alike(other, value))
    alike = [
        other for other in pool if other != value and _compute_shape(other) == shape and other not in beside
    ]
    likely = [*beside[:_SIBLINGS], *alike[:6]]
    return [*likely, f"{value} else"] if shape.isalpha() or " " in shape else likely


@lru_cache(maxsize=65536)
def _compute_shape(text: str) -> str:
    """``credit_card_123`` and ``credit_card_987`` have one shape, and so have ``Oslo`` and ``Rome``."""
    return re.sub(r"[A-Za-z]+", "a", re.sub(r"\d+", "9", text))


def list_met(evidence: Evidence) -> list[Json]:
    """Arguments and results on the solution's way: the short cuts that a lax verifier would accept. Of any
    type, for an agent's answer is text, and reaches evaluate as text where it is no number."""
    met: list[Json] = []
    for call in evidence.solution.execution.calls:
        for _, value in placed([list(call.args), dict(call.kwargs), call.value]):
            if not isinstance(value, bool) and len(str(value)) < 200:
                met.append(value)
    return met[:_MOST_MET]
