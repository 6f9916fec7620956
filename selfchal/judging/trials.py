"""What running a task's own code shows.

The solution, and what evaluate says of its outcome, run in processes of their own. For the whole judge one
more process is enough for the rest where all of the code is plain: the failure cases, doing nothing, and the
solution once more under another hash seed. Only a clean answer of that process counts (every failure case ran
and was refused, doing nothing was not accepted): otherwise each piece runs in a process of its own, as it
always does for the paper's filter, and for code that is not plain, as such code can tell that it has company.
There one more process runs all of it again, turned upside down by ``perturb``, and can only refuse.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

from selfchal.core.evidence import Evidence, TaskRunner, Trial, Verdicts
from selfchal.core.judge import Filter
from selfchal.core.sandbox import Execution, Program, Status
from selfchal.core.task import Task
from selfchal.core.world import Json, World
from selfchal.judging.batch import HEAD, RAISED, RAN_OUT, Switchboard, run_batch, tool_names
from selfchal.judging.checks.needs import explore
from selfchal.judging.replays import Replays
from selfchal.judging.source.except_hooks import hook_excepts
from selfchal.judging.source.perturb import perturbed, upside
from selfchal.judging.source.purity import all_pure

# A leg: codes, each run on a world of its own, and the verifier that judges how they ended and a world that
# nothing was done to. Turn None: as they are; 0, 1, 2: perturbed.
_TRIALS = """
_turn = [None]
def _trials(reading, writing, most, legs, worlds):
    _tools(reading, writing, most)
    compiled, out, place = {}, [], 0
    for turn, sources, verifier in legs:
        for source in [verifier, *sources]:
            if source not in compiled: compiled[source] = _b.compile(source, "<task>", "exec")
        if turn == 0: _names.update(_upside())
        _turn[0] = turn
        answers, places = [], _b.range(place, place + _b.len(sources))
        place += _b.len(sources)
        try:
            for where, source in _b.zip(places, sources):
                _keep(where)
                _start()
                answers.append(_json.dumps(_run(compiled[source]).get("result")))
                if _ran_out(): raise RuntimeError
        except Exception:
            out.append([None, None])
            continue
        verdicts, left = [], [*places, worlds - 1]
        for answer in [*answers, "null"]:
            _switch(left.pop(0))
            verdicts.append(_verdict(compiled[verifier], answer))
            _learn(left)
        out.append([verdicts, [_json.loads(answer) for answer in answers]])
    return out
"""


def gather_evidence(task: Task, runner: TaskRunner, filters: Filter, secret: str = "") -> Evidence:
    """Run everything that the filter asks about. Raises SandboxError."""
    opened = partial(runner.environment.open, task.context)
    solution = runner.try_code(task, task.solution)
    calls = solution.execution.calls
    explored = cache(partial(explore, task, runner, calls))
    replays = Replays(opened, calls, tool_names(runner)[0])
    trials, again = _run_together(task, runner, opened) if filters is Filter.FULL else (None, None)
    if trials is None:
        sources = task.failures if filters in (Filter.PAPER, Filter.FULL) else ()
        trials = (*(runner.try_code(task, source) for source in sources), runner.try_nothing(task))
    return Evidence(solution, trials[:-1], trials[-1], explored, replays, again, _make_secret(secret, task))


def _make_secret(secret: str, task: Task) -> str:
    """A secret of this task's own, so that no two tasks are tried on the same wrong outcomes."""
    parts = (secret, task.instruction, task.evaluate, task.solution)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _run_together(
    task: Task, runner: TaskRunner, opened: Callable[[], World]
) -> tuple[tuple[Trial, ...] | None, Sequence[Verdicts] | None]:
    """The failure cases and doing nothing, None where that was not clean; for each further run the verdicts
    after the solution, the failure cases and doing nothing, None where they cannot be had."""
    reading, writing = tool_names(runner)
    sources = [task.evaluate, task.solution, *task.failures]
    pure = all_pure(sources, {*reading, *writing})
    (evaluate, *codes), turns = (sources, 0) if pure else perturbed(sources)
    legs: list[tuple[int | None, list[str], str]] = [(turn, codes, evaluate) for turn in range(turns)]
    if pure:
        evaluate, *codes = map(hook_excepts, sources)
        legs = [(None, [*codes[1:], codes[0]], evaluate)]
    count = sum(len(sources) for _, sources, _ in legs) + 1
    program = Program(
        HEAD + _TRIALS + upside([evaluate, *codes], turns),
        call="_trials",
        args=(reading, writing, runner.limits.calls, legs, count),
        hash_seed=1,
    )
    batch = run_batch(runner, program, lambda: [opened() for _ in range(count)], 2 * count, may_keep=True)
    if not isinstance(batch.value, list) or len(batch.value) != len(legs):
        return None, None
    found = [_read_leg(row, len(codes)) for row, (_, codes, _) in zip(batch.value, legs, strict=True)]
    if not pure:
        again = [leg.verdicts for leg in found if leg]
        return None, again if len(again) == turns else None
    if found[0] is None:
        return None, None
    return _check_clean(found[0], len(task.failures), batch.board), [_reorder(found[0].verdicts)]


def _reorder(verdicts: Verdicts) -> Verdicts:
    """The solution's, which came after the failure cases, before them."""
    *failures, solution, nothing = verdicts
    return [solution, *failures, nothing]


@dataclass(frozen=True)
class _Leg:
    verdicts: Verdicts
    answers: Sequence[Json]


def _read_leg(row: Json, codes: int) -> _Leg | None:
    """What untrusted code says of a leg, if it fits; None too where one of the codes did not run."""
    match row:
        case [list(verdicts), list(answers)] if len(verdicts) == codes + 1 and len(answers) == codes:
            read = [RAISED if one == RAN_OUT else one for one in verdicts]
            fits = all(isinstance(one, bool) or one == RAISED for one in read)
            return _Leg(read, answers) if fits else None
    return None


def _check_clean(leg: _Leg, count: int, board: Switchboard) -> tuple[Trial, ...] | None:
    """The trials of the first leg, where every failure case was refused, and doing nothing was not accepted
    (an evaluate may well raise there)."""
    failures, nothing = leg.verdicts[:count], leg.verdicts[-1]
    if nothing is True or any(verdict is not False for verdict in failures):
        return None
    refused = Execution(Status.OK, value=False)
    trials = [
        Trial(Execution(Status.OK, answer, calls=tuple(board.calls[i])), board.worlds[i], refused)
        for i, answer in enumerate(leg.answers[:count])
    ]
    raised = Execution(Status.EXCEPTION)
    return (*trials, Trial(Execution(Status.OK), board.worlds[-1], raised if nothing == RAISED else refused))
