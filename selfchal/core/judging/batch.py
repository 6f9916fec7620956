"""Many runs in one sandbox process, where no verdict hangs on their independence.

The paper's stages run every piece in a process of its own: a verifier that kept a count from one world to
the next could otherwise say yes to the solution and no to what comes after it. The further checks only look
for disagreement with those verdicts, so they may share a process: worlds are switched on the trusted side by
a call, each run has a namespace of its own, and what one run writes is gone before the next. What a
reading tool answered is remembered until a writing tool is called, for most verifiers of a batch read the
same few rows; and with the next world come its answers to what was read in those before, as far as they
differ from those of the first.

A verifier in which conditions can be dropped (``mutants.weakened``) asks ``_dropped`` before each, and
tells ``_met`` and ``_refused`` how it went. Only dropping one that was not met can change a verdict, so
only those that were asked and not told to be met are tried.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from selfchal.core.bench import Bench
from selfchal.core.sandbox import Program, Status
from selfchal.core.world import Call, Json, ToolResult, World

_Key = tuple[str, str, str]  # of a call: the tool, its arguments

SWITCH = "_selfchal_world"
RAISED = "raised"  # a run that raised, in the place of its value
_MOST_READ = 16  # answers that come with a world
_PATIENCE = 3  # times the time of one run, for a batch

HEAD = f"""
_given, _names = dict(globals()), {{}}
import builtins as _b, json as _json
_known, _base, _written, _drop, _unmet = {{}}, {{}}, [], [0], {{}}
def _remembering(name, call):
    def remembered(*args, **kwargs):
        key = name, _b.repr(args), _b.repr(kwargs)
        if key not in _known:
            _known[key] = _json.dumps(call(*args, **kwargs))
        return _json.loads(_known[key])
    return remembered
def _forgetting(call):
    def forgot(*args, **kwargs):
        _known.clear()
        _written.append(1)
        return call(*args, **kwargs)
    return forgot
def _tools(reading, writing):
    for name in reading: _given[name] = _remembering(name, _given[name])
    for name in writing: _given[name] = _forgetting(_given[name])
    del _given["{SWITCH}"]
def _switch(place):
    _known.clear()
    _written.clear()
    new, others = {SWITCH}(place, False)
    for name, args, kwargs, text in new: _base[name, args, kwargs] = text
    _known.update(_base)
    for name, args, kwargs, text in others:
        if text is None: _known.pop((name, args, kwargs), None)
        else: _known[name, args, kwargs] = text
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
    try:
        function = _run(code)["evaluate"]
        value = function(*[_json.loads(answer)][:function.__code__.co_argcount])
        return value if _b.isinstance(value, bool) else "{RAISED}"
    except Exception:
        return "{RAISED}"
"""
_EVALUATIONS = """
def _evaluations(reading, writing, verifier, answers, count):
    _tools(reading, writing)
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
    return out
"""


@dataclass
class Switchboard:
    """A tool host over several worlds. The code's own call says which one answers from now on, and whether
    it keeps what is done to it or is a throw-away copy, whose answers to what was read in others come
    along."""

    worlds: Sequence[World]
    reading: Sequence[str]
    calls: dict[int, list[Call]] = field(default_factory=dict)  # made on each of those kept
    current: World = field(init=False)
    _kept: list[Call] | None = None
    _read: dict[_Key, tuple[Sequence[Json], Mapping[str, Json]]] = field(default_factory=dict)
    _base: dict[_Key, bytes] = field(default_factory=dict)  # what the code takes for known in every world

    def __post_init__(self) -> None:
        self.current = self.worlds[0].fork()

    @property
    def tool_names(self) -> Sequence[str]:
        return [*self.worlds[0].tool_names, SWITCH]

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        if name == SWITCH:
            return self._switch(*args[:2]) if len(args) > 1 else ToolResult("no world", ok=False, raises=True)
        if self._kept is not None:
            return self._recorded(self._kept, name, args, kwargs)
        if name in self.reading and len(self._read) < _MOST_READ:
            self._read[name, repr(tuple(args)), repr(kwargs)] = args, kwargs
        return self.current.call(name, args, kwargs)

    def _recorded(
        self, calls: list[Call], name: str, args: Sequence[Json], kwargs: Mapping[str, Json]
    ) -> ToolResult:
        before = self.current.digest()
        result = self.current.call(name, args, kwargs)
        changed = self.current.digest() != before
        calls.append(Call(name, tuple(args), kwargs, result.value, result.ok, changed))
        return result

    def _switch(self, place: Json, keeps: Json) -> ToolResult:
        if not isinstance(place, int) or not 0 <= place < len(self.worlds):
            return ToolResult(f"no world {place!r}", ok=False, raises=True)
        if keeps is True:
            self.current, self._kept = self.worlds[place], self.calls.setdefault(place, [])
            return ToolResult(None)
        self.current, self._kept = self.worlds[place].fork(), None
        return ToolResult(self._known_ahead())

    def _known_ahead(self) -> tuple[list[Json], list[Json]]:
        """Answers that the code can take for known: those new to the base, and those that differ from it."""
        new: list[Json] = []
        others: list[Json] = []
        for key, given in self._read.items():
            found = self.current.call(key[0], *given)
            data = b"" if found.raises else marshal.dumps(found.value, 2)
            if data == self._base.get(key, b""):
                continue
            text = json.dumps(found.value) if data else None
            if key not in self._base:
                self._base[key] = data
                new.append([*key, text])
            else:
                others.append([*key, text])
        return new, others


@dataclass(frozen=True)
class Ending:
    """How something ended: the final world, and the answer that goes to evaluate."""

    world: World
    answer: Json = None


def evaluate_many(
    bench: Bench, verifier: str, endings: Sequence[Ending], variants: int = 0
) -> list[list[bool | str | None]] | None:
    """For each ending the verdict of the verifier and of its variants (conditions 1, 2, … dropped); RAISED
    for one that raised or gave no truth value.

    Of the variants only what they newly accept counts, so None stands where they cannot accept what the
    verifier refuses, and after the first ending that a variant newly accepted.
    None for all where the process as a whole gave nothing (too slow, too large). Raises SandboxError.
    """
    answers = [json.dumps(ending.answer) for ending in endings]
    program = Program(
        HEAD + _EVALUATIONS,
        call="_evaluations",
        args=(*tool_names(bench), verifier, answers, 1 + variants),
        hash_seed=1,
    )
    worlds = [ending.world for ending in endings]
    found = run_batch(bench, program, lambda: worlds, len(endings) * (1 + variants)).value
    return found if isinstance(found, list) and len(found) == len(endings) else None


def tool_names(bench: Bench) -> tuple[list[str], list[str]]:
    """The names of those that only read, and of those that do more."""
    tools = bench.environment.tools
    reading = [tool.name for tool in tools if tool.only_reads]
    return reading, [tool.name for tool in tools if not tool.only_reads]


@dataclass(frozen=True)
class Batch:
    value: Json  # None where the process gave nothing
    board: Switchboard


def run_batch(bench: Bench, program: Program, worlds: Callable[[], Sequence[World]], runs: int) -> Batch:
    """Run on these worlds. A machine under load is late at times: only a second timeout counts.

    Raises SandboxError.
    """
    one = bench.limits
    limits = replace(one, seconds=min(runs, _PATIENCE) * one.seconds, calls=runs * one.calls)
    for _ in range(2):
        board = Switchboard(worlds(), program.args[0])
        execution = bench.run(program, board, limits)
        if execution.status is not Status.TIMEOUT:
            break
    return Batch(execution.value if execution.ok else None, board)
