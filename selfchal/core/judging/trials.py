"""What running a task's own code shows.

The solution, and what evaluate says of its outcome, run in processes of their own. For the whole judge one
more process is enough for the rest: the failure cases, doing nothing, and all of it once more, turned upside
down by ``perturb``. Only a clean answer of that process counts (every failure case ran and was refused, doing
nothing was not accepted): otherwise each piece runs in a process of its own, as it always does for the
paper's filter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

from selfchal.core.bench import Bench, Evidence, Trial, Verdicts
from selfchal.core.judge import Filter
from selfchal.core.judging.batch import HEAD, RAISED, SWITCH, Switchboard, run_batch, tool_names
from selfchal.core.judging.needs import survey_of
from selfchal.core.judging.perturb import perturbed, upside
from selfchal.core.judging.replays import Replays
from selfchal.core.sandbox import Execution, Program, Status
from selfchal.core.task import Task
from selfchal.core.world import Json, World

# A leg: codes, each run on a world of its own, and the verifier that judges how they ended and a world that
# nothing was done to. Turn None: as they are; 0, 1, 2: perturbed.
_TRIALS = f"""
_turn = [None]
def _trials(reading, writing, legs, worlds):
    _tools(reading, writing)
    compiled, out, place = {{}}, [], 0
    for turn, sources, verifier in legs:
        for source in [verifier, *sources]:
            if source not in compiled: compiled[source] = _b.compile(source, "<task>", "exec")
        if turn == 0: _names.update(_upside())
        _turn[0] = turn
        answers, places = [], _b.range(place, place + _b.len(sources))
        place += _b.len(sources)
        try:
            for where, source in _b.zip(places, sources):
                _known.clear()
                {SWITCH}(where, True)
                answers.append(_json.dumps(_run(compiled[source]).get("result")))
        except Exception:
            out.append([None, None])
            continue
        verdicts = []
        for where, answer in _b.zip([*places, worlds - 1], [*answers, "null"]):
            _switch(where)
            verdicts.append(_verdict(compiled[verifier], answer))
        out.append([verdicts, answers])
    return out
"""


def gather(task: Task, bench: Bench, filters: Filter) -> Evidence:
    """Run everything that the filter asks about. Raises SandboxError."""
    opened = partial(bench.environment.open, task.context)
    solution = bench.try_code(task, task.solution)
    calls = solution.execution.calls
    surveyed = cache(partial(survey_of, task, bench, calls))
    replays = Replays(opened, calls, tool_names(bench)[0])
    trials, turned = _together(task, bench, opened) if filters is Filter.FULL else (None, None)
    if trials is None:
        sources = task.failures if filters in (Filter.PAPER, Filter.FULL) else ()
        trials = (*(bench.try_code(task, source) for source in sources), bench.try_nothing(task))
    return Evidence(solution, trials[:-1], trials[-1], surveyed, replays, turned)


def _together(
    task: Task, bench: Bench, opened: Callable[[], World]
) -> tuple[tuple[Trial, ...] | None, Sequence[Verdicts] | None]:
    """The failure cases and doing nothing, None where that was not clean; for each turn the verdicts after
    the solution, the failure cases and doing nothing, None where they cannot be had."""
    (evaluate, *codes), turns = perturbed([task.evaluate, task.solution, *task.failures])
    legs = [(None, task.failures, task.evaluate), *((turn, codes, evaluate) for turn in range(turns))]
    count = sum(len(sources) for _, sources, _ in legs) + 1
    program = Program(
        HEAD + _TRIALS + upside([evaluate, *codes], turns),
        call="_trials",
        args=(*tool_names(bench), legs, count),
        hash_seed=1,
    )
    batch = run_batch(bench, program, lambda: [opened() for _ in range(count)], 2 * count)
    if not isinstance(batch.value, list) or len(batch.value) != len(legs):
        return None, None
    plain, *others = (_leg(row, len(sources)) for row, (_, sources, _) in zip(batch.value, legs, strict=True))
    turned = [leg.verdicts for leg in others if leg]
    trials = _clean(plain, batch.board) if plain else None
    return trials, turned if len(turned) == turns else None


@dataclass(frozen=True)
class _Leg:
    verdicts: Verdicts
    answers: Sequence[str]  # as JSON


def _leg(row: Json, codes: int) -> _Leg | None:
    """What untrusted code says of a leg, if it fits; None too where one of the codes did not run."""
    match row:
        case [list(verdicts), list(answers)] if len(verdicts) == codes + 1 and len(answers) == codes:
            fits = all(isinstance(one, bool) or one == RAISED for one in verdicts)
            return _Leg(verdicts, answers) if fits and all(isinstance(one, str) for one in answers) else None
    return None


def _clean(leg: _Leg, board: Switchboard) -> tuple[Trial, ...] | None:
    """The trials of the first leg, where every failure case was refused, and doing nothing was not accepted
    (an evaluate may well raise there)."""
    *failures, nothing = leg.verdicts
    if nothing is True or any(verdict is not False for verdict in failures):
        return None
    refused = Execution(Status.OK, value=False)
    trials = [
        Trial(Execution(Status.OK, json.loads(answer), calls=tuple(board.calls[i])), board.worlds[i], refused)
        for i, answer in enumerate(leg.answers)
    ]
    raised = Execution(Status.EXCEPTION)
    return (*trials, Trial(Execution(Status.OK), board.worlds[-1], raised if nothing == RAISED else refused))
