"""What running a task's own code shows.

For the whole judge one process is enough for all of it where the code is plain: the solution, the failure
cases and doing nothing, each with what evaluate says of its outcome. Only a clean answer of that process
counts (every piece ran, the solution was accepted, every failure case refused, doing nothing not accepted):
what was not clean runs once more in a process of its own, as everything does for the paper's filter. Where
only evaluate is not plain, the solution and the failure cases still share that process, in which evaluate
begins when they have ended. Evaluate could tell that it shares a process, so what it says there, perturbed
(``selfchal.judging.source.perturb``), can only refuse. Its verdicts come from processes of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

from selfchal.core.evidence import Evidence, TaskRunner, Trial, Verdicts
from selfchal.core.judge import Filter
from selfchal.core.sandbox import Execution, Status
from selfchal.core.task import Task
from selfchal.core.world import Json, World
from selfchal.judging.batch import run_batch, tool_names
from selfchal.judging.checks.needs import explore
from selfchal.judging.guest.runs import RAISED, RAN_OUT
from selfchal.judging.replays import Replays
from selfchal.judging.source.compiled import tell_code
from selfchal.judging.source.except_hooks import hook_excepts
from selfchal.judging.source.perturb import perturbed
from selfchal.judging.source.purity import all_pure
from selfchal.judging.switchboard import Switchboard


def gather_evidence(task: Task, runner: TaskRunner, filters: Filter, secret: str = "") -> Evidence:
    """Run everything that the filter asks about. Raises SandboxError."""
    opened = partial(runner.environment.open, task.context)
    shared = _run_together(task, runner, opened) if filters is Filter.FULL else _Shared()
    solution = shared.solution or runner.try_code(task, task.solution)
    trials = shared.others
    if trials is None:
        sources = task.failures if filters in (Filter.PAPER, Filter.FULL) else ()
        trials = (*(runner.try_code(task, source) for source in sources), runner.try_nothing(task))
    calls = solution.execution.calls
    explored = cache(partial(explore, task, runner, calls))
    replays = Replays(opened, calls, tool_names(runner)[0])
    secret = _make_secret(secret, task)
    return Evidence(solution, trials[:-1], trials[-1], explored, replays, shared.again, secret)


def _make_secret(secret: str, task: Task) -> str:
    """A secret of this task's own, so that no two tasks are tried on the same wrong outcomes."""
    parts = (secret, task.instruction, task.evaluate, task.solution)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class _Shared:
    """What counts of a shared process. ``others`` are the failure cases and doing nothing. ``again`` has for
    each perturbed run the verdicts after the solution, the failure cases and doing nothing. None stands for
    what cannot be had there."""

    solution: Trial | None = None
    others: tuple[Trial, ...] | None = None
    again: Sequence[Verdicts] | None = None


def _run_together(task: Task, runner: TaskRunner, opened: Callable[[], World]) -> _Shared:
    reading, writing = tool_names(runner)
    tools = {*reading, *writing}
    sources = [task.solution, *task.failures]
    plain_codes = all_pure(sources, tools)
    plain = plain_codes and all_pure([task.evaluate], tools)
    if plain_codes:
        codes = list(map(hook_excepts, sources))
        (evaluate,), turns = ([hook_excepts(task.evaluate)], 1) if plain else perturbed([task.evaluate])
    else:
        (evaluate, *codes), turns = perturbed([task.evaluate, *sources])
    count = turns * len(codes) + 1
    batch = run_batch(
        runner,
        "trials" if plain else "perturbed_trials",
        [[(list(map(tell_code, codes)), tell_code(evaluate))] * turns, count - 1],
        lambda: [opened() for _ in range(count)],
        2 * count,
        may_keep=True,
    )
    if not isinstance(batch.value, list) or len(batch.value) != turns:
        return _Shared()
    legs = [_read_leg(row, len(codes)) for row in batch.value]
    found = [leg for leg in legs if leg]
    again = [leg.verdicts for leg in found] if len(found) == turns else None
    if not plain_codes or legs[0] is None:
        return _Shared(again=again)
    if plain:
        return _keep_clean(legs[0], batch.board)
    solution, *failures = (
        Trial(execution, world, runner.verdict(task, world, execution.value))
        for execution, world in _read_runs(legs[0], batch.board)
    )
    return _Shared(solution, (*failures, runner.try_nothing(task)), again)


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


def _read_runs(leg: _Leg, board: Switchboard) -> list[tuple[Execution, World]]:
    """How each of the codes of the first leg ended, and the world that it left behind."""
    return [
        (Execution(Status.OK, answer, calls=tuple(board.calls[i])), board.worlds[i])
        for i, answer in enumerate(leg.answers)
    ]


def _keep_clean(leg: _Leg, board: Switchboard) -> _Shared:
    """The trials of plain code that ended as those of a sound task do: the solution accepted, every failure
    case refused, doing nothing not accepted (an evaluate may well raise there)."""
    verdicts = leg.verdicts
    refused = Execution(Status.OK, value=False)
    ran, *failed = _read_runs(leg, board)
    accepted = Execution(Status.OK, value=True, calls=tuple(board.tried.get(0, ())))
    failures = [Trial(execution, world, refused) for execution, world in failed]
    nothing = Execution(Status.EXCEPTION) if verdicts[-1] == RAISED else refused
    clean = verdicts[-1] is not True and all(verdict is False for verdict in verdicts[1:-1])
    others = (*failures, Trial(Execution(Status.OK), board.worlds[-1], nothing))
    solution = Trial(*ran, accepted) if verdicts[0] is True else None
    return _Shared(solution, others if clean else None, [verdicts])
