"""An exemplar task for the challenger's prompt, made from the environment's own tools.

A seeded exploration calls the tools with what earlier calls have shown. From a call that changed something,
and a reader that shows the change, comes a task about the state; where nothing can be changed, one about what
a reader shows. Calls that solve a held-out task are left out. The exploring turn that found what the task is
about stands before it: a model that sees only a finished task takes no look, and invents names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

from selfchal.builtin_synthesizers.chained_exemplar import find_chain
from selfchal.builtin_synthesizers.close_attempts import (
    list_look_alikes,
    list_parameters,
    write_call,
    write_comparison,
)
from selfchal.builtin_synthesizers.readings import Path, Reading, find_reading, list_leaves, look_up
from selfchal.builtin_synthesizers.shorter_arguments import shorten
from selfchal.core.environment import Environment
from selfchal.core.task import MIN_FAILURES
from selfchal.core.world import Call, Json, ToolSpec, World
from selfchal.rollout.random_calls import RandomCaller

_SEED = 0
_CALLS = 300
_CONTEXTS = 10  # whose values are tried as arguments
_CANDIDATES = 20
_TRIES = 60  # of calls for failure cases
_LONGEST_ARGUMENT = 60  # characters; longer ones make no readable example
_LONGEST_LOOK = 1_000  # characters that are shown of what a reader gives


SolvesHeldOut = Callable[[str, Mapping[str, Json]], bool]  # of a tool and its arguments by name


@dataclass(frozen=True)
class Exemplar:
    """A task as its parts."""

    instruction: str
    evaluate: str
    solution: str
    failures: tuple[str, ...]
    look: tuple[str, str] | None = None  # a call of a reader, and what it shows
    uses: tuple[str, ...] = ()  # the tools that it is about

    def without_look(self) -> Exemplar:
        return replace(self, look=None)

    def write(self) -> str:
        """In the grammar of the challenger's turns."""
        parts = [
            f"<instruction>{self.instruction}</instruction>",
            f"<evaluation_function>\n{self.evaluate}\n</evaluation_function>",
            f"<solution>\n{self.solution}\n</solution>",
        ]
        cases = (f"<failure_case>\n{case}\n</failure_case>" for case in self.failures)
        answer = "\n".join([*parts, *cases])
        if self.look is None:
            return answer
        call, shown = self.look
        explored = f"Action:\nprint({call})\nEnd Action\nObservation:\n{shown}"
        return f"{explored}\nAnswer:\n{answer}\nEnd Answer"


def make_exemplar(environment: Environment, solves_held_out: SolvesHeldOut) -> Exemplar | None:
    """The exemplar; None where no call worked that one could be made of."""
    maker = _Maker(environment, solves_held_out)
    if made := maker.make_about_state():
        return made
    return (maker.make_about_chain() or maker.make_about_answer()) if environment.answer_required else None


def find_condition(
    environment: Environment, context: Mapping[str, Json], calls: Sequence[Call], after: World
) -> str | None:
    """Python of what a reader shows in the world after these calls and did not show before them; None where
    no reader shows anything."""
    maker = _Maker(environment, lambda tool, arguments: False, context)
    for call in (call for call in calls if call.changed):
        named = call.name_arguments(list_parameters(maker.tools[call.name]))
        if reading := maker.find_shown(replace(call, args=(), kwargs=named), after):
            return reading.condition
    return None


@dataclass
class _Maker:
    environment: Environment
    solves_held_out: SolvesHeldOut
    context: Mapping[str, Json] | None = None  # that worlds are opened with; without it one that is drawn
    tools: Mapping[str, ToolSpec] = field(init=False)
    caller: RandomCaller = field(init=False)
    calls: list[Call] = field(init=False)
    start: World = field(init=False)

    def __post_init__(self) -> None:
        environment = self.environment
        context = self.context or environment.exploration_context(_SEED)
        self.tools = {tool.name: tool for tool in environment.tools}
        contexts = [context, *map(environment.exploration_context, range(1, _CONTEXTS))]
        words = [value for _, value in list_leaves(contexts) if value is not None]
        self.caller = RandomCaller(environment.tools, _SEED, words)
        self.start = environment.open(context)
        explored = self.caller.explore(self.start.fork(), _CALLS)
        self.calls = [call for call in explored if call.ok and _is_short(call)]

    def make_about_state(self) -> Exemplar | None:
        """About the call whose change is shown by the shortest condition."""
        shown = list(islice(self._list_shown(), _CANDIDATES))
        # A reader that is asked for a thing by name makes a better example than a place in a list.
        for call, reading in sorted(shown, key=lambda pair: (not pair[1].kwargs, len(pair[1].condition))):
            failures = self._find_failures(call, reading)
            if len(failures) == MIN_FAILURES:
                return Exemplar(
                    f"{self._describe(call)}.",
                    f"def evaluate():\n    return {reading.condition}",
                    _write_call(call),
                    failures,
                    self._find_look(call),
                    tuple(dict.fromkeys([call.name, reading.name])),
                )
        return None

    def _list_shown(self) -> Iterator[tuple[Call, Reading]]:
        """The calls that change something by themselves, and what reading shows of it."""
        for call in self._list_distinct(self.calls):
            if self.tools[call.name].only_reads or self.solves_held_out(call.name, call.kwargs):
                continue
            call = self._shorten(call, lambda made, world: made.changed)
            world = self.start.fork()
            changed = self.caller.call(world, self.tools[call.name], call.kwargs).changed
            solved = self.solves_held_out(call.name, call.kwargs)
            if changed and not (world.ended or solved) and (reading := self.find_shown(call, world)):
                yield call, reading

    def _shorten(self, call: Call, holds: Callable[[Call, World], bool]) -> Call:
        """The call with as few members in its lists as it takes."""

        def try_arguments(kwargs: Mapping[str, Json]) -> bool:
            world = self.start.fork()
            return holds(self.caller.call(world, self.tools[call.name], kwargs), world)

        return replace(call, kwargs=shorten(call.kwargs, try_arguments))

    def make_about_chain(self) -> Exemplar | None:
        """About two calls, of which the second takes what the first gives."""
        chain = find_chain(
            self.calls,
            self.tools,
            self.start,
            lambda call: not self.solves_held_out(call.name, call.kwargs),
        )
        if chain is None:
            return None
        first, last, name = chain.first, chain.last, chain.parameter
        given = ", ".join(
            f"{key}=found" if key == name else f"{key}={value!r}" for key, value in last.kwargs.items()
        )
        rest = replace(last, kwargs={key: value for key, value in last.kwargs.items() if key != name})
        then = self._describe(rest)
        then = f"With what that gives: {then[0].lower()}{then[1:]}"
        found = f"found = {_write_call(first)}\n"
        wrong = self._list_wrong(last, (), last.value, [first.value])
        return Exemplar(
            f"{self._describe(first)}. {then}. What is the result?",
            f"def evaluate(answer):\n    return {write_comparison(last.value)}",
            f"{found}result = {last.name}({given})",
            tuple(f"result = {value!r}" for value in wrong[:MIN_FAILURES]),
            (_write_call(first), str(first.value)),
            (first.name, last.name),
        )

    def make_about_answer(self) -> Exemplar | None:
        for call in self._list_distinct(self.calls):
            if not self.tools[call.name].only_reads or self.solves_held_out(call.name, call.kwargs):
                continue
            made = self.start.fork().call(call.name, (), call.kwargs)
            leaves = [(path, leaf) for path, leaf in list_leaves(made.value) if _is_scalar(leaf)]
            values = list(dict.fromkeys(leaf for _, leaf in leaves))
            if not made.ok or not values:
                continue
            path, wanted = leaves[0]
            wrong = self._list_wrong(call, path, wanted, values)
            shown = f"{_write_call(call)}{''.join(f'[{key!r}]' for key in path)}"
            asked = f"What does it say for {' and '.join(map(str, path))}" if path else "What does it give"
            return Exemplar(
                f"{self._describe(call)}. {asked}?",
                f"def evaluate(answer):\n    return answer == {shown}",
                f"result = {shown}",
                tuple(f"result = {value!r}" for value in wrong[:MIN_FAILURES]),
                self._find_look(call),
                (call.name,),
            )
        return None

    def _find_look(self, call: Call) -> tuple[str, str] | None:
        """The reader's call that shows most of the values that this call is given, the shortest of equals."""
        wanted = _list_texts(call.kwargs)
        readers = [tool.name for tool in self.tools.values() if tool.only_reads and not tool.ends_episode]
        looks: list[tuple[str, dict[str, Json]]] = [
            (name, {}) for name in readers if not self.tools[name].parameters.get("required")
        ]
        looks += [(read.name, dict(read.kwargs)) for read in self.calls if read.name in readers]
        found: dict[str, tuple[int, str]] = {}
        for name, kwargs in {write_call(*look): look for look in looks}.values():
            result = self.start.fork().call(name, (), kwargs)
            shown = str(result.value) if result.ok else ""
            asked_for = _list_texts(kwargs)
            if count := sum(repr(value) in shown for value in wanted if value not in asked_for):
                found[write_call(name, kwargs)] = (count, shown)
        if not found:
            return None
        best = min(found, key=lambda written: (-found[written][0], len(written)))
        return best, found[best][1][:_LONGEST_LOOK]

    def _list_wrong(self, call: Call, path: Path, wanted: Json, values: Sequence[Json]) -> list[Json]:
        """Wrong answers: what else the call gives, what its tool gave for others, and what looks alike."""
        others = [look_up(other.value, path) for other in self.calls if other.name == call.name]
        alike = [value for value in [*values, *others] if type(value) is type(wanted)]
        found = dict.fromkeys([*alike, *list_look_alikes(wanted)])
        return [value for value in found if value != wanted]

    def find_shown(self, call: Call, after: World) -> Reading | None:
        """A reading that the call has changed: first of the very things that the call names."""
        readers = [tool for tool in self.tools.values() if tool.only_reads]
        alike = [(tool.name, given) for tool in readers for given in self._fill(tool, call)]
        alike.sort(key=lambda pair: -len(pair[1]))
        known = [(read.name, read.kwargs) for read in self.calls if self.tools[read.name].only_reads]
        for name, given in [*alike, *known]:
            if self._shows(name, after, given):
                return self._read(name, shorten(given, partial(self._shows, name, after)), after)
        return None

    def _read(self, name: str, kwargs: Mapping[str, Json], after: World) -> Reading | None:
        """What this call of a reader shows of the change; None where it shows none."""
        before, now = self.start.fork().call(name, (), kwargs), after.fork().call(name, (), kwargs)
        shown = find_reading(write_call(name, kwargs), before, now) if now.ok else None
        return Reading(name, kwargs, shown) if shown else None

    def _shows(self, name: str, after: World, kwargs: Mapping[str, Json]) -> bool:
        return self._read(name, kwargs, after) is not None

    def _fill(self, tool: ToolSpec, call: Call) -> Iterator[dict[str, Json]]:
        """The reader's arguments out of the call's: by their names, or its only one out of any text."""
        required = tool.parameters.get("required", [])
        if call.kwargs.keys() >= set(required):
            yield {name: call.kwargs[name] for name in required}
        elif len(required) == 1:
            kind = tool.parameters.get("properties", {}).get(required[0], {}).get("type")
            for text in _list_texts(call.kwargs):
                if kind in ("string", "array"):
                    yield {required[0]: text if kind == "string" else [text]}

    def _find_failures(self, call: Call, reading: Reading) -> tuple[str, ...]:
        """Calls that change something, after which the reading is not the wanted one; where they are too few,
        also calls that only look."""
        found: dict[str, None] = {}
        writers = [tool for tool in self.tools.values() if not tool.only_reads and not tool.ends_episode]
        others = [tool for tool in writers if tool.name != call.name]
        for i in range(_TRIES):
            tool = others[i % len(others)] if others and i >= _TRIES // 2 else self.tools[call.name]
            world = self.start.fork()
            made = self.caller.call(world, tool)
            if made.ok and made.changed and _is_short(made) and not reading.holds(world):
                fewer = self._shorten(made, lambda call, world: call.changed and not reading.holds(world))
                found[_write_call(fewer)] = None
            if len(found) == MIN_FAILURES:
                return tuple(found)
        looks = [_write_call(read) for read in self.calls if self.tools[read.name].only_reads]
        return tuple(dict.fromkeys([*found, *looks]))[:MIN_FAILURES] if found else ()

    def _list_distinct(self, calls: Sequence[Call]) -> Iterator[Call]:
        """Each call once, those with arguments first."""
        distinct = {_write_call(call): call for call in calls}
        return iter(sorted(distinct.values(), key=lambda call: not call.kwargs))

    def _describe(self, call: Call) -> str:
        """What the call does, and with what, as a sentence without its full stop."""
        does = self.tools[call.name].description.partition(". ")[0].rstrip(".") or call.name
        given = ", ".join(f"{name} is {_say(value)}" for name, value in call.kwargs.items())
        return f"{does}: {given}" if given else does


def _say(value: Json) -> str:
    return repr(value) if isinstance(value, str) else str(value)


def _list_texts(kwargs: Mapping[str, Json]) -> list[str]:
    return [value for _, value in list_leaves(dict(kwargs)) if isinstance(value, str)]


def _write_call(call: Call) -> str:
    return write_call(call.name, call.kwargs)


def _is_short(call: Call) -> bool:
    return all(len(repr(value)) <= _LONGEST_ARGUMENT for value in call.kwargs.values())


def _is_scalar(value: Json) -> bool:
    return isinstance(value, str | int | float) and value != "" and len(repr(value)) <= _LONGEST_ARGUMENT
