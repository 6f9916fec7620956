"""Many runs in one sandbox process, which would take longer to start than to run.

What the solution does and what evaluate says of it is seen in processes of their own (``trials``): a
verifier that kept a count from one world to the next could otherwise say yes to the solution and no to what
comes after it. The rest may share a process. Worlds are switched on the trusted side by a call, each run has
a namespace of its own in which nothing of this file is named but with an underscore in front, and what one
run writes is gone before the next. What a reading tool answered is remembered until a writing tool is
called, for most verifiers of a batch read the same few rows; and what was read in one world is asked of all
that follow in one call. A run that makes more calls than it may alone, or goes on after it was out of stack
or memory (``hook_excepts``), has RAN_OUT.

A verifier in which conditions can be dropped (``weakening``) asks ``_dropped`` before each, and
tells ``_met`` and ``_refused`` how it went. Only dropping one that was not met can change a verdict, so
only those that were asked and not told to be met are tried.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from selfchal.core.evidence import TaskRunner
from selfchal.core.sandbox import Program, Status
from selfchal.core.world import Call, Json, ToolResult, World

_Key = tuple[str, str, str]  # of a call: the tool, its arguments

SWITCH, AHEAD = "_selfchal_world", "_selfchal_ahead"  # the calls of the batch's own code
# In the place of the value of a run that raised; the latter where stack, memory or calls may have run out.
RAISED, RAN_OUT = "raised", "ran out"
_MOST_READ = 16  # answers that come with a world
_PATIENCE = 3  # times the time of one run, for a batch

HEAD = f"""
_given, _names = dict(globals()), {{}}
import builtins as _b, json as _json, marshal as _m, sys as _s
_made, _most, _out = [0], [0], [False]
_known, _told, _missed, _written, _at, _drop, _unmet = {{}}, {{}}, [], [], [0, False], [0], {{}}
def _remembering(name, call):
    def remembered(*args, **kwargs):
        _made[0] += 1
        key = name, _b.repr(args), _b.repr(kwargs)
        if key not in _known:
            _missed.append(1)
            _go()
            _known[key] = _m.dumps(call(*args, **kwargs), 2)
        return _m.loads(_known[key])
    return remembered
def _forgetting(call):
    def forgot(*args, **kwargs):
        _made[0] += 1
        _go()
        _known.clear()
        _written.append(1)
        return call(*args, **kwargs)
    return forgot
def _tools(reading, writing, most):
    _names["_noticed"], _most[0] = _noticed, most
    for name in reading: _given[name] = _remembering(name, _given[name])
    for name in writing: _given[name] = _forgetting(_given[name])
    del _given["{SWITCH}"], _given["{AHEAD}"]
def _noticed():
    _out[0] = _out[0] or _b.issubclass(_s.exc_info()[0], (RecursionError, MemoryError))
def _start():
    _made[0], _out[0] = 0, False
def _ran_out():
    return _out[0] or _made[0] > _most[0]
def _go():
    if not _at[1]: {SWITCH}(_at[0], False)
    _at[1] = True
def _switch(place):
    _at[:] = place, False
    _known.clear()
    _known.update(_told.get(place, {{}}))
    _written.clear()
def _keep(place):
    {SWITCH}(place, True)
    _at[:] = place, True
    _known.clear()
def _learn(places):
    if _missed and places:
        keys, values, rows = {AHEAD}(places)
        keys, values = [_b.tuple(key) for key in keys], [_m.dumps(value, 2) for value in values]
        for place, row in _b.zip(places, rows):
            _told.setdefault(place, {{}}).update({{keys[key]: values[value] for key, value in row}})
    _missed.clear()
def _run(code):
    space = {{**_given, **_names}}
    _b.exec(code, space)
    return space
def _dropped(number):
    if _drop[0] == number: return True
    _unmet[number] = _unmet.get(number, 0) + 1
    return False
def _met(number, value):
    if value is True: _unmet[number] -= 1
    return value
def _refused(number, value):
    if not value: _unmet[number] -= 1
    return value
def _verdict(code, answer, number=0):
    _drop[0] = number
    _unmet.clear()
    _start()
    try:
        function = _run(code)["evaluate"]
        value = function(*[_json.loads(answer)][:function.__code__.co_argcount])
        value = value if _b.isinstance(value, bool) else "{RAISED}"
    except AssertionError:
        value = False
    except (RuntimeError, MemoryError):
        value = "{RAN_OUT}"
    except Exception:
        value = "{RAISED}"
    return "{RAN_OUT}" if _ran_out() else value
"""
_EVALUATIONS = """
def _evaluations(reading, writing, most, verifier, answers, count):
    _tools(reading, writing, most)
    _names.update(_dropped=_dropped, _met=_met, _refused=_refused)
    code, out, settled = _b.compile(verifier, "<task>", "exec"), [], set()
    for place, answer in enumerate(answers):
        _switch(place)
        row = [_verdict(code, answer)] + [None] * (count - 1)
        unmet = [] if row[0] is True else [number for number, times in _unmet.items() if times]
        for number in unmet:
            if number in settled: continue
            if _written: _switch(place)
            row[number] = _verdict(code, answer, number)
            if row[number] is True: settled.add(number)
        out.append(row)
        _learn([*_b.range(place + 1, _b.len(answers))])
    return out
"""


@dataclass
class Switchboard:
    """A tool host over several worlds. The code's own calls say which one answers from now on, and whether
    it keeps what is done to it or is a throw-away copy; and ask what others answer to all that was read."""

    worlds: Sequence[World]
    reading: Sequence[str]
    may_keep: bool
    calls: dict[int, list[Call]] = field(default_factory=dict)  # made on each of those kept
    current: World = field(init=False)
    _kept: list[Call] | None = None
    _read: dict[_Key, tuple[Sequence[Json], Mapping[str, Json]]] = field(default_factory=dict)
    _told: dict[int, set[_Key]] = field(default_factory=dict)  # which answers of each world

    def __post_init__(self) -> None:
        self.current = self.worlds[0].fork()

    @property
    def tool_names(self) -> Sequence[str]:
        return [*self.worlds[0].tool_names, SWITCH, AHEAD]

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        if name == SWITCH:
            return self._switch(*args[:2]) if len(args) > 1 else _refuse_world(args)
        if name == AHEAD:
            return self._read_ahead(args[0]) if args and isinstance(args[0], list) else _refuse_world(args)
        if self._kept is not None:
            return self._record(self._kept, name, args, kwargs)
        if name in self.reading and len(self._read) < _MOST_READ:
            self._read[name, repr(tuple(args)), repr(kwargs)] = args, kwargs
        return self.current.call(name, args, kwargs)

    def _record(
        self, calls: list[Call], name: str, args: Sequence[Json], kwargs: Mapping[str, Json]
    ) -> ToolResult:
        before = "" if name in self.reading else self.current.digest()
        result = self.current.call(name, args, kwargs)
        changed = before != "" and self.current.digest() != before
        calls.append(Call(name, tuple(args), kwargs, result.value, result.ok, changed))
        return result

    def _is_index(self, index: Json) -> bool:
        return isinstance(index, int) and 0 <= index < len(self.worlds)

    def _switch(self, index: Json, keeps: Json) -> ToolResult:
        if not self._is_index(index):
            return _refuse_world(index)
        if keeps is True and self.may_keep:
            self.current, self._kept = self.worlds[index], self.calls.setdefault(index, [])
        else:
            self.current, self._kept = self.worlds[index].fork(), None
        return ToolResult(None)

    def _read_ahead(self, indices: list[Json]) -> ToolResult:
        """For each of these worlds its answers, those not told before, as places in a list of calls and a
        list of values: most worlds give most answers alike."""
        if len(indices) > len(self.worlds) or not all(map(self._is_index, indices)):
            return _refuse_world(indices)
        seen: dict[bytes, int] = {}
        values: list[Json] = []
        rows = [self._list_untold(index, seen, values) for index in indices]
        return ToolResult([list(self._read), values, rows])

    def _list_untold(self, index: int, seen: dict[bytes, int], values: list[Json]) -> list[tuple[int, int]]:
        """One world's part of that: pairs of places. Adds to ``values`` what is not ``seen`` among them."""
        told, row = self._told.setdefault(index, set()), list[tuple[int, int]]()
        world = self.worlds[index].fork()
        for i, (key, given) in enumerate(self._read.items()):
            found = None if key in told else world.call(key[0], *given)
            told.add(key)
            if found is None or found.raises:
                continue
            try:
                data = marshal.dumps(found.value, 2)
            except ValueError:  # of another type than JSON's own: asked for when it is needed
                continue
            if data not in seen:
                seen[data] = len(values)
                values.append(found.value)
            row.append((i, seen[data]))
        return row


def _refuse_world(index: Json) -> ToolResult:
    return ToolResult(f"no world {index!r}"[:200], ok=False, raises=True)


@dataclass(frozen=True)
class Ending:
    """How something ended: the final world, and the answer that goes to evaluate."""

    world: World
    answer: Json = None


def evaluate_many(
    runner: TaskRunner, verifier: str, endings: Sequence[Ending], variants: int = 0
) -> list[list[bool | str | None]] | None:
    """For each ending the verdict of the verifier and of its variants (conditions 1, 2, … dropped); RAISED
    or RAN_OUT for one that raised or gave no truth value.

    Of the variants only what they newly accept counts, so None stands where they cannot accept what the
    verifier refuses, and after the first ending that a variant newly accepted.
    None for all where the process as a whole gave nothing (too slow, too large). Raises SandboxError.
    """
    answers = [json.dumps(ending.answer) for ending in endings]
    program = Program(
        HEAD + _EVALUATIONS,
        call="_evaluations",
        args=(*tool_names(runner), runner.limits.calls, verifier, answers, 1 + variants),
        hash_seed=1,
    )
    worlds = [ending.world for ending in endings]
    found = run_batch(runner, program, lambda: worlds, len(endings) * (1 + variants)).value
    return found if isinstance(found, list) and len(found) == len(endings) else None


def tool_names(runner: TaskRunner) -> tuple[list[str], list[str]]:
    """The names of those that only read, and of those that do more."""
    tools = runner.environment.tools
    reading = [tool.name for tool in tools if tool.only_reads]
    return reading, [tool.name for tool in tools if not tool.only_reads]


@dataclass(frozen=True)
class Batch:
    value: Json  # None where the process gave nothing
    board: Switchboard


def run_batch(
    runner: TaskRunner,
    program: Program,
    worlds: Callable[[], Sequence[World]],
    runs: int,
    may_keep: bool = False,
) -> Batch:
    """Run on these worlds, which are changed only where the code may keep what is done to them.

    A machine under load is late at times: only a second timeout counts.

    Raises SandboxError.
    """
    one = runner.limits
    limits = replace(one, seconds=min(runs, _PATIENCE) * one.seconds, calls=runs * one.calls)
    for _ in range(2):
        board = Switchboard(worlds(), program.args[0], may_keep)
        execution = runner.run(program, board, limits)
        if execution.status is not Status.TIMEOUT:
            break
    return Batch(execution.value if execution.ok else None, board)
