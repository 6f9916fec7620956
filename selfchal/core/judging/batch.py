"""Many runs in one sandbox process, where no verdict hangs on their independence.

The paper's stages run every piece in a process of its own: a verifier that kept a count from one world to
the next could otherwise say yes to the solution and no to what comes after it. The further checks only look
for disagreement with those verdicts, so they may share a process: worlds are switched on the trusted side by
a call, each run has a namespace of its own, and what one run writes is gone before the next. What a
reading tool answered is remembered until a writing tool is called, for most verifiers of a batch read the
same few rows; and with the next world come its answers to what was read in those before.

A verifier in which conditions can be dropped (``mutants.weakened``) asks ``_dropped`` before each, and
tells ``_met`` and ``_refused`` how it went. Only dropping one that was not met can change a verdict, so
only those that were asked and not told to be met are tried.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from selfchal.core.bench import Bench
from selfchal.core.judging.perturb import prelude
from selfchal.core.sandbox import Execution, Program, Status
from selfchal.core.world import Json, ToolResult, World

SWITCH = "_selfchal_world"
RAISED = "raised"  # a run that raised, in the place of its value
_MOST_READ = 16  # answers that come with a world
_PATIENCE = 3  # times the time of one run, for a batch

_HEAD = f"""
import builtins as _b, json as _json
_known, _written, _drop, _unmet = {{}}, [], [0], {{}}
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
    for name, args, kwargs, text in {SWITCH}(place, False):
        _known[name, args, kwargs] = text
def _run(code):
    space = _b.dict(_b.globals())
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
    code, out, settled = _b.compile(verifier, "<evaluate>", "exec"), [], set()
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
_TRIALS = f"""
def _trials(reading, writing, codes, verifier, turns):
    codes = [_b.compile(code, "<code>", "exec") for code in codes]
    code, out, answers = _b.compile(verifier, "<evaluate>", "exec"), [], []
    for turn in range(turns):
        _turn[0] = turn
        for each in codes:
            {SWITCH}(len(answers), True)
            answers.append(_json.dumps(_run(each).get("result")))
    _tools(reading, writing)
    for turn in range(turns):
        _turn[0] = turn
        row = []
        for place in range(turn * len(codes), (turn + 1) * len(codes)):
            _switch(place)
            row.append(_verdict(code, answers[place]))
        _switch(len(answers))
        out.append(row + [_verdict(code, "null")])
    return out
"""


@dataclass
class Switchboard:
    """A tool host over several worlds. The code's own call says which one answers from now on, and whether
    it keeps what is done to it or is a throw-away copy, whose answers to what was read in others come
    along."""

    worlds: Sequence[World]
    reading: Sequence[str]
    current: World = field(init=False)
    _keeps: bool = False
    _read: dict[tuple[str, str, str], tuple[Sequence[Json], Mapping[str, Json]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.current = self.worlds[0].fork()

    @property
    def tool_names(self) -> Sequence[str]:
        return [*self.worlds[0].tool_names, SWITCH]

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        if name == SWITCH:
            return self._switch(*args[:2]) if len(args) > 1 else ToolResult("no world", ok=False, raises=True)
        if name in self.reading and not self._keeps and len(self._read) < _MOST_READ:
            self._read[name, repr(tuple(args)), repr(kwargs)] = args, kwargs
        return self.current.call(name, args, kwargs)

    def _switch(self, place: Json, keeps: Json) -> ToolResult:
        if not isinstance(place, int) or not 0 <= place < len(self.worlds):
            return ToolResult(f"no world {place!r}", ok=False, raises=True)
        self.current, self._keeps = self.worlds[place], keeps is True
        if self._keeps:
            return ToolResult(None)
        self.current = self.current.fork()
        answers = [(*key, self.current.call(key[0], *given)) for key, given in self._read.items()]
        return ToolResult([[*key, json.dumps(found.value)] for *key, found in answers if not found.raises])


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
        _HEAD + _EVALUATIONS,
        call="_evaluations",
        args=(*_tools(bench), verifier, answers, 1 + variants),
        hash_seed=1,
    )
    worlds = [ending.world for ending in endings]
    execution = _patiently(bench, program, lambda: worlds, len(endings) * (1 + variants))
    found = execution.value
    return found if execution.ok and isinstance(found, list) and len(found) == len(endings) else None


def try_many(
    bench: Bench, codes: Sequence[str], verifier: str, turns: int, opened: Callable[[], World]
) -> list[list[bool | str]] | None:
    """For each turn the verdicts after each of the codes, on worlds of their own, and after doing nothing.

    All are sources made by ``perturb``. None as in ``evaluate_many``, or where a code did not run.
    """
    program = Program(
        prelude([*codes, verifier], turns) + _HEAD + _TRIALS,
        call="_trials",
        args=(*_tools(bench), list(codes), verifier, turns),
        hash_seed=1,
    )
    count = turns * len(codes) + 1
    execution = _patiently(bench, program, lambda: [opened() for _ in range(count)], 2 * count + turns)
    found = execution.value
    fits = execution.ok and isinstance(found, list) and len(found) == turns
    return found if fits and all(len(row) == len(codes) + 1 for row in found) else None


def _tools(bench: Bench) -> tuple[list[str], list[str]]:
    """The names of those that only read, and of those that do more."""
    tools = bench.environment.tools
    writing = [tool.name for tool in tools if tool.writes or tool.ends_episode]
    return [tool.name for tool in tools if tool.name not in writing], writing


def _patiently(bench: Bench, program: Program, worlds: Callable[[], Sequence[World]], runs: int) -> Execution:
    """A machine under load is late at times: only a second timeout counts."""
    one = bench.limits
    limits = replace(one, seconds=min(runs, _PATIENCE) * one.seconds, calls=runs * one.calls)
    for _ in range(2):
        execution = bench.run(program, Switchboard(worlds(), program.args[0]), limits)
        if execution.status is not Status.TIMEOUT:
            break
    return execution
