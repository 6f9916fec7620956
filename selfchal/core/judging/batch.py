"""Many runs in one sandbox process, where no verdict hangs on their independence.

The paper's stages run every piece in a process of its own. The further checks only look for
disagreement with those verdicts, so they may share one: worlds are switched on the trusted side by a
call, functions are made afresh for each run, and what one run writes is gone before the next.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from selfchal.core.bench import Bench
from selfchal.core.judging.perturb import perturbed, source_of, wrapped
from selfchal.core.sandbox import Program
from selfchal.core.world import Json, ToolResult, World

SWITCH = "_selfchal_world"
RAISED = "raised"  # a run that raised, in the place of its value

_EVALUATIONS = f"""
def _evaluations(jobs):
    out = []
    for number, world, answer in jobs:
        {SWITCH}(world)
        try:
            function = _b.globals()[f"_make_{{number}}"]()
            value = function(*[answer][:function.__code__.co_argcount])
            out.append(value if _b.isinstance(value, bool) else "{RAISED}")
        except Exception:
            out.append("{RAISED}")
    return out
"""
_CODES = f"""
def _codes(count):
    out = []
    for number in range(count):
        {SWITCH}(number)
        try:
            out.append([True, _b.globals()[f"_make_{{number}}"]()])
        except Exception as error:
            out.append([False, str(error)])
    return out
"""


@dataclass
class Switchboard:
    """A tool host over several worlds; the code's own call says which one answers from now on."""

    worlds: Sequence[World]
    keep: bool  # False: every switch gets a throw-away copy, True: the world itself
    current: World = field(init=False)

    def __post_init__(self) -> None:
        self.current = self.worlds[0].fork()

    @property
    def tool_names(self) -> Sequence[str]:
        return [*self.worlds[0].tool_names, SWITCH]

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        if name != SWITCH:
            return self.current.call(name, args, kwargs)
        place = args[0] if args else None
        if not isinstance(place, int) or not 0 <= place < len(self.worlds):
            return ToolResult(f"no world {place!r}", ok=False, raises=True)
        self.current = self.worlds[place] if self.keep else self.worlds[place].fork()
        return ToolResult(None)


def evaluate_many(
    bench: Bench,
    verifiers: Sequence[ast.Module],
    worlds: Sequence[World],
    jobs: Sequence[tuple[int, int, Json]],
    turned: bool = True,
) -> list[bool | str] | None:
    """The verdict of each job (verifier, world, answer); RAISED for one that raised or gave no truth value.

    None where the process as a whole gave nothing (too slow, too large). Raises SandboxError,
    UnwrappableError.
    """
    trees = [perturbed(tree) if turned else tree for tree in verifiers]
    functions = [wrapped(tree, f"_make_{number}", "evaluate") for number, tree in enumerate(trees)]
    program = Program(
        source_of(functions, _EVALUATIONS),
        call="_evaluations",
        args=([list(job) for job in jobs],),
        hash_seed=1,
    )
    execution = bench.run(program, Switchboard(worlds, keep=False))
    found = execution.value
    return found if execution.ok and isinstance(found, list) and len(found) == len(jobs) else None


def run_many(
    bench: Bench, codes: Sequence[ast.Module], worlds: Sequence[World]
) -> list[tuple[bool, Json]] | None:
    """Run each code, perturbed, on its own world: did it run, and its result (or its error).

    The worlds are left as the codes left them. None as in ``evaluate_many``. Raises the same.
    """
    gives = "locals().get('result')"
    functions = [wrapped(perturbed(code), f"_make_{number}", gives) for number, code in enumerate(codes)]
    program = Program(source_of(functions, _CODES), call="_codes", args=(len(codes),), hash_seed=1)
    execution = bench.run(program, Switchboard(worlds, keep=True))
    found = execution.value
    if not execution.ok or not isinstance(found, list) or len(found) != len(codes):
        return None
    return [(bool(ran), value) for ran, value in found]
