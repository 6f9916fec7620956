"""Many runs in one sandbox process, where no verdict hangs on their independence.

The paper's stages run every piece in a process of its own. The further checks only look for
disagreement with those verdicts, so they may share one: worlds are switched on the trusted side by a
call, functions are made afresh for each run, and what one run writes is gone before the next. What a
reading tool answered is remembered until a writing tool is called, for most verifiers of a batch read the
same few rows; and with the next world come its answers to what was read in those before.

A verifier in which conditions can be dropped (``mutants.weakened``) asks ``_dropped`` before each, and
tells ``_met`` and ``_refused`` how it went. Only dropping one that was not met can change a verdict, so
only those that were asked and not told to be met are tried.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from selfchal.core.bench import Bench
from selfchal.core.judging.perturb import perturbed, source_of, wrapped
from selfchal.core.sandbox import Limits, Program, Status
from selfchal.core.world import Json, ToolResult, World

SWITCH = "_selfchal_world"
RAISED = "raised"  # a run that raised, in the place of its value
_MOST_READ = 16  # answers that come with a world
_PATIENCE = 3  # times the time of one run, for a batch

_HEAD = f"""
import json as _json
_known, _written = {{}}, []
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
    space = _b.globals()
    for name in reading: space[name] = _remembering(name, space[name])
    for name in writing: space[name] = _forgetting(space[name])
def _switch(place):
    _known.clear()
    _written.clear()
    for name, args, kwargs, text in {SWITCH}(place):
        _known[name, args, kwargs] = text
_drop, _unmet = [0], {{}}
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
def _verdict(number, answer):
    _drop[0] = number
    _unmet.clear()
    try:
        function = _make_0()
        value = function(*[_json.loads(answer)][:function.__code__.co_argcount])
        return value if _b.isinstance(value, bool) else "{RAISED}"
    except Exception:
        return "{RAISED}"
"""
_EVALUATIONS = """
def _evaluations(reading, writing, answers, turns, count):
    _tools(reading, writing)
    out, settled = [], set()
    for place, answer in enumerate(answers):
        _turn[0] = turns[place]
        _switch(place)
        row = [_verdict(0, answer)] + [None] * (count - 1)
        unmet = [] if row[0] is True else [number for number, times in _unmet.items() if times]
        for number in unmet:
            if number in settled: continue
            if _written: _switch(place)
            row[number] = _verdict(number, answer)
            if row[number] is True: settled.add(number)
        out.append(row)
    return out
"""
_CODES = f"""
def _codes(turns):
    out = []
    for number, turn in enumerate(turns):
        _turn[0] = turn
        {SWITCH}(number)
        try:
            out.append([True, _b.globals()[f"_make_{{number % {{count}}}}"]()])
        except Exception as error:
            out.append([False, str(error)])
    return out
"""


@dataclass
class Switchboard:
    """A tool host over several worlds; the code's own call says which one answers from now on."""

    worlds: Sequence[World]
    keep: bool  # False: every switch gets a throw-away copy, True: the world itself
    reading: Sequence[str] = ()  # tools whose answers in the next world come with the switch
    current: World = field(init=False)
    _read: dict[tuple[str, str, str], tuple[Sequence[Json], Mapping[str, Json]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.current = self.worlds[0].fork()

    @property
    def tool_names(self) -> Sequence[str]:
        return [*self.worlds[0].tool_names, SWITCH]

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        if name != SWITCH:
            if name in self.reading and len(self._read) < _MOST_READ:
                self._read[name, repr(tuple(args)), repr(kwargs)] = args, kwargs
            return self.current.call(name, args, kwargs)
        place = args[0] if args else None
        if not isinstance(place, int) or not 0 <= place < len(self.worlds):
            return ToolResult(f"no world {place!r}", ok=False, raises=True)
        self.current = self.worlds[place] if self.keep else self.worlds[place].fork()
        answers = [(*key, self.current.call(key[0], *given)) for key, given in self._read.items()]
        return ToolResult([[*key, json.dumps(found.value)] for *key, found in answers if not found.raises])


@dataclass(frozen=True)
class Ending:
    """How something ended: the final world, and the answer that goes to evaluate. ``turn`` is how sets
    iterate (see ``perturb``) when a perturbed evaluate looks at it."""

    world: World
    answer: Json = None
    turn: int = 0


def evaluate_many(
    bench: Bench, verifier: ast.Module, endings: Sequence[Ending], turned: bool, variants: int = 0
) -> list[list[bool | str | None]] | None:
    """For each ending the verdict of the verifier and of its variants (conditions
    1, 2, … dropped); RAISED for one that raised or gave no truth value.

    Of the variants only what they newly accept counts, so None stands where they cannot accept what the
    verifier refuses, and after the first ending that a variant newly accepted.
    None for all where the process as a whole gave nothing (too slow, too large). Raises SandboxError,
    UnwrappableError. Alters ``verifier``.
    """
    function = wrapped(perturbed(verifier) if turned else verifier, "_make_0", "evaluate")
    tools = bench.environment.tools
    writing = [tool.name for tool in tools if tool.writes or tool.ends_episode]
    reading = [tool.name for tool in tools if tool.name not in writing]
    answers = [json.dumps(ending.answer) for ending in endings]
    turns = [ending.turn for ending in endings]
    program = Program(
        source_of([function], _HEAD + _EVALUATIONS),
        call="_evaluations",
        args=(reading, writing, answers, turns, 1 + variants),
        hash_seed=1,
    )
    host = Switchboard([ending.world for ending in endings], keep=False, reading=reading)
    limits = _limits(bench, len(endings) * (1 + variants))
    execution = bench.run(program, host, limits)
    if execution.status is Status.TIMEOUT:  # a machine under load is late at times
        execution = bench.run(program, host, limits)
    found = execution.value
    return found if execution.ok and isinstance(found, list) and len(found) == len(endings) else None


def run_many(
    bench: Bench, codes: Sequence[ast.Module], worlds: Sequence[World], turns: Sequence[int]
) -> list[tuple[bool, Json]] | None:
    """Run the codes, perturbed, each on its own world: did it run, and its result (or its error).

    There are as many worlds as turns, and the codes come round and round. The worlds are left as the
    codes left them. None as in ``evaluate_many``. Raises the same.
    """
    gives = "locals().get('result')"
    functions = [wrapped(perturbed(code), f"_make_{number}", gives) for number, code in enumerate(codes)]
    driver = _CODES.replace("{count}", str(len(codes)))
    program = Program(source_of(functions, driver), call="_codes", args=(list(turns),), hash_seed=1)
    execution = bench.run(program, Switchboard(worlds, keep=True), _limits(bench, len(worlds)))
    found = execution.value
    if not execution.ok or not isinstance(found, list) or len(found) != len(worlds):
        return None
    return [(bool(ran), value) for ran, value in found]


def _limits(bench: Bench, runs: int) -> Limits:
    one = bench.limits
    return replace(one, seconds=min(runs, _PATIENCE) * one.seconds, calls=runs * one.calls)
