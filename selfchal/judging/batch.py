"""Many runs in one sandbox process, since a process takes longer to start than most runs take.

Each run has a world and a namespace of its own, and nothing of the code that runs it
(``selfchal.judging.guest``) can be named there. Code that is not plain may tell all the same that it shares a
process: a verifier could keep a count from one world to the next, accept the solution and refuse what comes
after it. So what such code says here can only refuse (``selfchal.judging.trials``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from selfchal.core.evidence import TaskRunner
from selfchal.core.sandbox import Program, Status
from selfchal.core.world import Json, World
from selfchal.judging.guest_program import MAIN, guest_program
from selfchal.judging.same_answer import Tolerance
from selfchal.judging.source.compiled import tell_code
from selfchal.judging.source.perturb import makes_sets, perturbed
from selfchal.judging.source.watch_comparisons import watch_comparisons
from selfchal.judging.switchboard import Switchboard

_PATIENCE = 3  # a batch may take so many times the time of one run
_SEARCHED = 1_500  # answers that a search tries
_LONGEST_SEED = 4_000  # characters of an answer that a search starts from
# Wrong answers that listen to what they are compared with; nothing hangs on which.
_PROBES: Sequence[Json] = ("something else", 41, 7.5)


@dataclass(frozen=True)
class Ending:
    """How something ended: the final world, and the answer that goes to evaluate."""

    world: World
    answer: Json = None


def evaluate_many(
    runner: TaskRunner, verifier: str, endings: Sequence[Ending], variants: int = 0, pure: bool = False
) -> list[list[bool | str | None]] | None:
    """For each ending the verdict of the verifier and of its variants (conditions 1, 2, … dropped); RAISED or
    RAN_OUT (``selfchal.judging.guest.runs``) for one that raised or gave no truth value.

    Of the variants only what they newly accept counts, so None stands where they cannot accept what the
    verifier refuses, and after the first ending that a variant newly accepted. ``pure`` says that the
    verifier is (``selfchal.judging.source.purity``): then None stands too where it saw nothing new.
    None for all where the process as a whole gave nothing (too slow, too large). Raises SandboxError.
    """
    answers = [json.dumps(ending.answer) for ending in endings]
    worlds = [ending.world for ending in endings]
    runs = len(endings) * (1 + variants)
    if makes_sets(verifier):
        (turned,), _ = perturbed([verifier])
        arguments: list[Json] = [tell_code(turned), answers, 1 + variants]
        found = run_batch(runner, "turned_evaluations", arguments, lambda: worlds, runs).value
    else:
        arguments = [tell_code(verifier), answers, 1 + variants, pure]
        # What is plain has run under the other hash seed before (``selfchal.judging.trials``).
        seed = 0 if pure else 1
        found = run_batch(runner, "evaluations", arguments, lambda: worlds, runs, hash_seed=seed).value
    return found if isinstance(found, list) and len(found) == len(endings) else None


@dataclass(frozen=True)
class Finds:
    """What a verifier compared answers with, and answers that it seems to accept."""

    heard: Sequence[Json]
    accepted: Sequence[Json]


def search_answers(
    runner: TaskRunner,
    verifier: str,
    ending: Ending,
    seeds: Sequence[Json],
    near: Tolerance,
    seed: int,
) -> Finds | None:
    """Search for other answers than the ending's that the verifier accepts, from ``seeds`` on. None where the
    process gave nothing (too slow, too large). Raises SandboxError."""
    arguments: list[Json] = [
        tell_code(verifier),
        tell_code(watch_comparisons(verifier)),
        [json.dumps(probe) for probe in _PROBES],
        [told for told in map(json.dumps, seeds) if len(told) <= _LONGEST_SEED],
        json.dumps(ending.answer),
        [near.relative, near.absolute],
        _SEARCHED,
        seed,
    ]
    match run_batch(runner, "answer_search", arguments, lambda: [ending.world], _SEARCHED).value:
        case [list(heard), list(accepted)]:
            # a verifier may turn an answer round before it compares it
            turned = [value[::-1] for value in heard if isinstance(value, str)]
            return Finds([*heard, *turned], accepted)
    return None


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
    entry: str,
    arguments: Sequence[Json],
    worlds: Callable[[], Sequence[World]],
    runs: int,
    may_keep: bool = False,
    hash_seed: int = 1,
) -> Batch:
    """Call the guest function ``entry`` in a sandbox process, after its first arguments with these.

    Its tools act on the worlds, which are changed only where the guest ``may_keep`` what is done to them.
    ``runs`` is how many runs of task code the limits must be enough for. A machine under load is late at
    times, so only a second timeout counts.

    Raises SandboxError.
    """
    one = runner.limits
    reading, writing = tool_names(runner)
    given = [reading, writing, one.calls, *arguments]
    program = Program(guest_program(entry), call=MAIN, args=(given,), hash_seed=hash_seed)
    limits = replace(one, seconds=min(runs, _PATIENCE) * one.seconds, calls=runs * one.calls)
    for _ in range(2):
        board = Switchboard(worlds(), reading, may_keep)
        execution = runner.run(program, board, limits)
        if execution.status is not Status.TIMEOUT:
            break
    return Batch(execution.value if execution.ok else None, board)
