"""Mutants of a world: another change than the one that was asked for, made by any tool that writes.

A verifier of a state may accept a second change besides ("the order is cancelled, or the profile has the new
address"). Which one stands in what it compares with. So the tools that write are called on the world as it
was at first, with values that deserve to be tried under each parameter: those that the solution and the
failure cases gave, those that the verifier names, choices of the schema, and what the records have under
that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from random import Random

from selfchal.core.evidence import Evidence, StateExplorer
from selfchal.core.world import Call, Json, ToolSpec
from selfchal.judging.mutants import Mutant, placed
from selfchal.judging.state_explorer import is_id, shape

_ATTEMPTS = 8  # calls of one tool that are tried with constants of the verifier, and as many that are drawn
_WORKING = 8  # of those, the outcomes that are kept
_LIKELIEST = 0.3  # how often a draw takes the likeliest value
_VALUES = 6  # tried under one parameter


def other_writes(
    evidence: Evidence, tools: Sequence[ToolSpec], constants: Sequence[Json], draw: Random
) -> Iterator[Mutant]:
    """The world at first after one call of a tool that writes; never the solution's own call with another
    value, which a verifier may be lenient about."""
    asked = [(call.name, _list_ids(call)) for call in evidence.solution.execution.calls if call.changed]
    seen = {evidence.solution.world.digest(), evidence.nothing.world.digest()}
    handed = _list_handed(evidence, tools)
    for tool in tools:
        if tool.only_reads:
            continue
        values = _list_values(tool, handed, evidence.explored(), constants)
        if not all(values.values()):
            continue
        working = 0
        for given in _draw_given(values, constants, draw):
            if working == _WORKING:
                break
            if any(name == tool.name and _is_on(ids, given) for name, ids in asked):
                continue
            world = evidence.nothing.world.fork()
            if not world.call(tool.name, (), given).ok or world.digest() in seen:
                continue
            seen.add(world.digest())
            working += 1
            told = ", ".join(map(repr, given.values()))
            yield Mutant(
                f"{tool.name}({told}) alone", "other write", world, evidence.solution.execution.value
            )


def exchanged_members(evidence: Evidence, tools: Sequence[ToolSpec]) -> Iterator[Mutant]:
    """The world at first after one call of a tool that takes lists of names, as for the items of an order,
    with what the asked record has under every other parameter. A verifier that only knows what must not be is
    content with any other change of that record."""
    explorer, nothing = evidence.explored(), evidence.nothing.world
    asked = {call.name for call in evidence.solution.execution.calls if call.changed}
    seen = {evidence.solution.world.digest(), nothing.digest()}
    for tool in tools:
        properties = tool.parameters.get("properties", {})
        lists = [name for name, schema in properties.items() if schema.get("type") == "array"]
        if tool.only_reads or tool.name in asked or not lists:
            continue
        for record in sorted(_list_asked(evidence, explorer))[:1]:
            for given in islice(_fill(list(properties), lists, record, explorer), _ATTEMPTS):
                world = nothing.fork()
                if not world.call(tool.name, (), given).ok or world.digest() in seen:
                    continue
                told = ", ".join(map(repr, given.values()))
                answer = evidence.solution.execution.value
                yield Mutant(f"{tool.name}({told}) alone", "other write", world, answer)
                break


def _list_asked(evidence: Evidence, explorer: StateExplorer) -> set[str]:
    """The records that the solution's changing calls are about."""
    ids = (_list_ids(call) for call in evidence.solution.execution.calls if call.changed)
    return {one for found in ids for one in found if one in explorer.readable}


def _fill(
    names: Sequence[str], lists: Sequence[str], record: str, explorer: StateExplorer
) -> Iterator[dict[str, Json]]:
    """Arguments of one member a list: what the record has under the list's name, and beside that another."""
    own = explorer.read_field(record, lists[0].removesuffix("s"))
    rest = {name: explorer.read_field(record, name) for name in names[1:] if name not in lists}
    if own is None or None in rest.values():
        return
    for other in sorted(explorer.siblings.get(own, ())):
        if explorer.alike(other, own):
            yield {names[0]: record, lists[0]: [own], **{name: [other] for name in lists[1:]}, **rest}


def _draw_given(
    values: Mapping[str, Sequence[Json]], constants: Sequence[Json], draw: Random
) -> Iterator[dict[str, Json]]:
    """Arguments for a call: the likeliest values first, then by turns another value under one parameter
    (constants of the verifier before others) and a draw in which many are other ones."""
    likeliest = {name: likely[0] for name, likely in values.items()}
    yield likeliest
    others = [(name, one) for name, likely in values.items() for one in likely[1:]]
    draw.shuffle(others)
    others.sort(key=lambda pair: pair[1] not in constants)
    for name, one in others[:_ATTEMPTS] or [*likeliest.items()][:1]:
        yield {**likeliest, name: one}
        yield {
            name: likely[0] if draw.random() < _LIKELIEST else draw.choice(likely)
            for name, likely in values.items()
        }


def _is_on(ids: set[str], given: Mapping[str, Json]) -> bool:
    """Are these arguments for one of the records? A call without ids is on any."""
    return not ids or next(iter(given.values()), None) in ids


def _list_ids(call: Call) -> set[str]:
    """The ids that a call was given: its records."""
    given = placed([list(call.args), dict(call.kwargs)])
    return {value for _, value in given if isinstance(value, str) and is_id(value)}


def _list_values(
    tool: ToolSpec, handed: Mapping[str, Sequence[Json]], explorer: StateExplorer, constants: Sequence[Json]
) -> dict[str, list[Json]]:
    """What is tried under each required parameter of the tool, likely values first; empty where
    nothing is known."""
    properties = tool.parameters.get("properties", {})
    found: dict[str, list[Json]] = {}
    for name in tool.parameters.get("required", ()):
        kind = properties.get(name, {}).get("type")
        known = [*handed.get(name, ()), *_list_named(name, explorer)]
        shapes = {shape(one) for one in known if isinstance(one, str)}
        free = not any(map(is_id, shapes))
        named = [one for one in constants if _fits(one, kind, shapes, free)]
        choices = list(properties.get(name, {}).get("enum", ()))
        numbers = [0, 1, 2] if kind in ("integer", "number") else []
        named += [one + by for one in named for by in (1, -1) if isinstance(one, int)]  # it may be a bound
        likely = choices or [*handed.get(name, ())[:1], *named, *known, *numbers]
        found[name] = list({repr(one): one for one in likely}.values())[:_VALUES]
    return found


def _list_named(name: str, explorer: StateExplorer) -> list[str]:
    """What the records at hand have under this name, and what stands beside that."""
    named = {field for record in explorer.shown if (field := explorer.read_field(record, name)) is not None}
    beside = {
        other for field in named for other in explorer.siblings.get(field, ()) if explorer.alike(other, field)
    }
    return [*sorted(named), *sorted(beside - named)]


def _fits(value: Json, kind: Json, shapes: set[str], free: bool) -> bool:
    """May a constant of the verifier stand under a parameter of this type, beside values of these shapes?
    ``free`` says that none of the shapes is one of ids."""
    if kind in ("integer", "number"):
        return isinstance(value, int | float)
    return kind == "string" and isinstance(value, str) and (free or shape(value) in shapes)


def _list_handed(evidence: Evidence, tools: Sequence[ToolSpec]) -> dict[str, list[Json]]:
    """What the solution, and then the failure cases, gave under each parameter."""
    names = {tool.name: list(tool.parameters.get("properties", {})) for tool in tools}
    handed: dict[str, list[Json]] = {}
    for trial in (evidence.solution, *evidence.failures):
        for call in trial.execution.calls:
            for name, value in call.name_arguments(names.get(call.name, ())).items():
                handed.setdefault(name, []).append(value)
    return handed
