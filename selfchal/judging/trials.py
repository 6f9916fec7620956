"""What running a task's own code shows.

The solution, and what evaluate says of its outcome, run in processes of their own. For the whole judge one
more process is enough for the rest where all of the code is plain: the failure cases, doing nothing, and the
solution once more under another hash seed. Only a clean answer of that process counts (every failure case ran
and was refused, doing nothing was not accepted): otherwise each piece runs in a process of its own, as it
always does for the paper's filter, and for code that is not plain, since such code can tell that it shares a
process. There one more process runs all of it again, perturbed (``selfchal.judging.source.perturb``), and can
only refuse.
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
from selfchal.judging.source.except_hooks import hook_excepts
from selfchal.judging.source.perturb import perturbed
from selfchal.judging.source.purity import all_pure
from selfchal.judging.switchboard import Switchboard


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
    if pure:
        evaluate, solution, *failures = map(hook_excepts, sources)
        codes, turns = [*failures, solution], 1
    else:
        (evaluate, *codes), turns = perturbed(sources)
    legs = [(codes, evaluate)] * turns
    count = turns * len(codes) + 1
    batch = run_batch(
        runner,
        "trials" if pure else "perturbed_trials",
        [legs, count - 1],
        lambda: [opened() for _ in range(count)],
        2 * count,
        may_keep=True,
    )
    if not isinstance(batch.value, list) or len(batch.value) != len(legs):
        return None, None
    found = [_read_leg(row, len(codes)) for row in batch.value]
    if not pure:
        again = [leg.verdicts for leg in found if leg]
        return None, again if len(again) == turns else None
    if found[0] is None:
        return None, None
    return _check_clean(found[0], len(task.failures), batch.board), [_reorder(found[0].verdicts)]


def _reorder(verdicts: Verdicts) -> Verdicts:
    """Put the solution's verdict, which came after the failure cases, before them."""
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
