"""Let every attack loose on a sandbox and say what became of it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from selfchal.core.sandbox import Execution, Guarantees, Level, Program, Sandbox, Status
from selfchal.core.world import Json, ToolResult
from selfchal.testing.attacks import (
    costs,
    forging,
    infrastructure,
    kernel_calls,
    loops,
    memory,
    network,
    output,
    page_tables,
    paths,
    processes,
    reading,
    sessions,
    signals,
    writing,
)
from selfchal.testing.attacks.attack import Attack
from selfchal.testing.attacks.traps import Traps

_GRACE_SECONDS = 10.0  # for a machine under load; what matters is that it ends
_AT_ONCE = 4
_MODULES = (
    *(loops, memory, infrastructure, page_tables, sessions, processes, reading, paths, writing),
    *(network, kernel_calls, signals, output, costs, forging),
)
# Nearly all of their time is waiting for a limit, and they touch no trap.
_SIDE_BY_SIDE = ("loops", "memory", "infrastructure", "lowered limits", "page tables", "sessions")
_ORDER = (Level.NONE, Level.PARTIAL, Level.FULL)
_PAUSE_SECONDS = 1.0  # between the two runs of a session
# An attack that a sandbox neither ends nor answers is given up after this much more than its limits; after so
# many of them the sandbox is.
_PATIENCE_SECONDS = 20.0
_MOST_GIVEN_UP = 3


class Result(StrEnum):
    STOPPED = "stopped"
    NOT_PROMISED = "not promised"  # it was not tried: the sandbox never claimed to stop it
    SURPRISE = "surprise"  # it got through, or the sandbox failed


@dataclass(frozen=True)
class Outcome:
    """What became of one attack. ``did`` is for people: the status, and what got through."""

    name: str
    kind: str
    guarantee: str
    must: str
    did: str
    result: Result
    seconds: float


@dataclass(frozen=True)
class Report:
    guarantees: Guarantees
    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def surprises(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.result is Result.SURPRISE]

    def to_json(self) -> dict[str, Json]:
        return {
            "sandbox": self.guarantees.sandbox,
            "tier": self.guarantees.tier,
            "guarantees": dict(self.guarantees.levels),
            "attacks": len(self.outcomes),
            "surprises": len(self.surprises),
            "seconds": round(self.seconds, 2),
            "outcomes": [{**vars(outcome)} for outcome in self.outcomes],
        }


def all_attacks() -> list[Attack]:
    """The whole suite, as data, in the order of its kinds."""
    return [attack for module in _MODULES for attack in module.ATTACKS]


def run_attacks(sandbox: Sandbox, watch: Callable[[Outcome], None] | None = None) -> Report:
    """Run the suite against any sandbox; ``watch`` sees each outcome as it comes.

    Nothing escapes as an exception but what the sandbox raises against its contract. A command that
    checks a sandbox builds it through the plugin registry, calls this, shows ``report.outcomes`` (or
    ``report.to_json()``), closes the sandbox, and exits with 1 when ``report.surprises`` is not empty.
    """
    started = time.monotonic()
    attacks = all_attacks()
    outcomes: dict[str, Outcome] = {}
    with Traps() as traps:
        attempts = _Attempts(sandbox, traps)
        together = [attack for attack in attacks if attack.kind in _SIDE_BY_SIDE]
        alone = [attack for attack in attacks if attack.kind not in _SIDE_BY_SIDE]
        for attack, outcome in chain(attempts.run(together, _AT_ONCE), attempts.run(alone, 1)):
            outcomes[_sort_key(attack)] = outcome
            if watch is not None:
                watch(outcome)
    ordered = tuple(outcomes[_sort_key(attack)] for attack in attacks)
    return Report(sandbox.guarantees, ordered, time.monotonic() - started)


def _sort_key(attack: Attack) -> str:
    return f"{attack.kind}: {attack.name}"


class _Attempts:
    """Runs attacks, each in a thread of its own that may be left behind: a sandbox need not answer."""

    def __init__(self, sandbox: Sandbox, traps: Traps) -> None:
        self._sandbox = sandbox
        self._traps = traps
        self._given_up = 0

    def run(self, attacks: Sequence[Attack], at_once: int) -> Iterator[tuple[Attack, Outcome]]:
        """Each with its outcome, as they come."""
        waiting, running = list(reversed(attacks)), dict[str, tuple[Attack, float]]()
        done: queue.SimpleQueue[tuple[Attack, Outcome]] = queue.SimpleQueue()
        while waiting or running:
            while waiting and len(running) < at_once:
                attack = waiting.pop()
                running[_sort_key(attack)] = attack, self._start(attack, done)
            try:
                nearest = min(deadline for _, deadline in running.values())
                attack, outcome = done.get(timeout=max(nearest - time.monotonic(), 0.0))
            except queue.Empty:
                attack = min(running.values(), key=lambda one: one[1])[0]
                outcome = _make_outcome(attack, "the sandbox did not end it", Result.SURPRISE)
                self._given_up += 1
            if running.pop(_sort_key(attack), None) is not None:  # else it was given up before
                yield attack, outcome

    def _start(self, attack: Attack, done: queue.SimpleQueue[tuple[Attack, Outcome]]) -> float:
        """Begin; when it is to be over."""
        if not _is_promised(self._sandbox.guarantees, attack):
            done.put((attack, _make_outcome(attack, "not tried", Result.NOT_PROMISED)))
        elif self._given_up >= _MOST_GIVEN_UP:
            did = f"not tried: the sandbox had not ended {self._given_up} others"
            done.put((attack, _make_outcome(attack, did, Result.SURPRISE)))
        else:
            threading.Thread(
                target=lambda: done.put((attack, _try(self._sandbox, attack, self._traps))), daemon=True
            ).start()
        runs = 2 + (attack.first is not None) + 3 * (attack.then is not None)
        return time.monotonic() + 2 * runs * attack.limits.seconds + _PATIENCE_SECONDS


def _make_outcome(attack: Attack, did: str, result: Result, seconds: float = 0.0) -> Outcome:
    return Outcome(attack.name, attack.kind, attack.guarantee, attack.must, did, result, seconds)


class _Echo:
    """The one tool of the suite: it answers with its argument."""

    tool_names = ("echo",)

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        return ToolResult(args[0] if args else None)


def _try(sandbox: Sandbox, attack: Attack, traps: Traps) -> Outcome:
    """Run one attack, a second time when the sandbox itself failed."""
    before = time.monotonic()
    traps.reset_memory()
    try:
        execution = _execute(sandbox, attack, traps)
        if execution.status is Status.INFRA_ERROR:
            execution = _execute(sandbox, attack, traps)
    except Exception as error:  # noqa: BLE001 — a sandbox that raises breaks its contract
        did = f"the sandbox raised {type(error).__name__}: {error}"
        return _make_outcome(attack, did, Result.SURPRISE, time.monotonic() - before)
    seconds = time.monotonic() - before
    through = _describe_breach(attack, execution, seconds) or traps.sprung(attack, execution)
    did = f"{execution.status}: {through}" if through else str(execution.status)
    return _make_outcome(attack, did, Result.SURPRISE if through else Result.STOPPED, seconds)


def _execute(sandbox: Sandbox, attack: Attack, traps: Traps) -> Execution:
    args: tuple[Json] = ({} if attack.blind else traps.target,)
    if attack.then is not None:
        return _execute_in_session(sandbox, attack, attack.then)
    if attack.first is not None:
        sandbox.run(Program(attack.first, call="attack", args=args), _Echo(), attack.limits)
    return sandbox.run(Program(attack.source, call="attack", args=args), _Echo(), attack.limits)


def _execute_in_session(sandbox: Sandbox, attack: Attack, then: str) -> Execution:
    """The second run; the first where the sandbox failed there."""
    with sandbox.session(_Echo(), attack.limits) as session:
        first = session.run(f"{attack.source}\nattack({{}})")
        if first.status is Status.INFRA_ERROR:
            return first
        time.sleep(_PAUSE_SECONDS)
        return session.run(then)


def _describe_breach(attack: Attack, execution: Execution, seconds: float) -> str | None:
    if execution.status is Status.INFRA_ERROR:
        return f"counts as a failure of the sandbox: {execution.error}"
    if execution.status not in attack.stopped_by:
        return f"ended as {execution.status} with {ascii(execution.value)[:80]}"
    if execution.ok and execution.value is not None:
        return ascii(execution.value)[:200]
    if seconds > 2 * attack.limits.seconds + _GRACE_SECONDS:
        return f"ran for {seconds:.1f} s"
    return None


def _is_promised(guarantees: Guarantees, attack: Attack) -> bool:
    level = guarantees.levels.get(attack.guarantee, Level.NONE)
    return _ORDER.index(level) >= _ORDER.index(attack.needs)
