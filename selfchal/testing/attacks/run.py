"""Let every attack loose on a sandbox and say what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from selfchal.core.sandbox import Execution, Guarantees, Level, Program, Sandbox, Status
from selfchal.core.world import Json, ToolResult
from selfchal.testing.attacks import (
    forging,
    kernel_calls,
    loops,
    memory,
    network,
    output,
    processes,
    reading,
    signals,
    writing,
)
from selfchal.testing.attacks.attack import Attack
from selfchal.testing.attacks.traps import Traps

_GRACE_SECONDS = 10.0  # for a machine under load; what matters is that it ends
_AT_ONCE = 4
_MODULES = (loops, memory, processes, reading, writing, network, kernel_calls, signals, output, forging)
# Nearly all of their time is waiting for a limit, and they touch no trap.
_SIDE_BY_SIDE = ("loops", "memory")
_ORDER = (Level.NONE, Level.PARTIAL, Level.FULL)


class Result(StrEnum):
    STOPPED = "stopped"
    NOT_PROMISED = "not promised"  # it got through, or was not tried; the sandbox never claimed otherwise
    SURPRISE = "surprise"  # it got through, or it could not be tried


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

    def note(attack: Attack, outcome: Outcome) -> None:
        outcomes[_sort_key(attack)] = outcome
        if watch is not None:
            watch(outcome)

    with Traps() as traps, ThreadPoolExecutor(_AT_ONCE) as threads:
        together = [attack for attack in attacks if attack.kind in _SIDE_BY_SIDE]
        for attack, outcome in zip(
            together, threads.map(lambda a: _try(sandbox, a, traps), together), strict=True
        ):
            note(attack, outcome)
        for attack in attacks:
            if attack.kind not in _SIDE_BY_SIDE:
                note(attack, _try(sandbox, attack, traps))
    ordered = tuple(outcomes[_sort_key(attack)] for attack in attacks)
    return Report(sandbox.guarantees, ordered, time.monotonic() - started)


def _sort_key(attack: Attack) -> str:
    return f"{attack.kind}: {attack.name}"


class _Echo:
    """The one tool of the suite: it answers with its argument."""

    tool_names = ("echo",)

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        return ToolResult(args[0] if args else None)


def _try(sandbox: Sandbox, attack: Attack, traps: Traps) -> Outcome:
    """Run one attack, a second time when the sandbox itself failed.

    What the sandbox promises nothing about is not tried: the machine is the user's own.
    """
    if sandbox.guarantees.levels.get(attack.guarantee, Level.NONE) is Level.NONE:
        did = "not tried"
        return Outcome(
            attack.name, attack.kind, attack.guarantee, attack.must, did, Result.NOT_PROMISED, seconds=0.0
        )
    before = time.monotonic()
    through = None
    for _ in range(2):
        execution = _execute(sandbox, attack, traps)
        if execution.status is not Status.INFRA_ERROR:
            break
    seconds = time.monotonic() - before
    through = _describe_breach(attack, execution, seconds) or traps.sprung(attack, execution)
    result = Result.STOPPED
    if through:
        promised = _is_promised(sandbox.guarantees, attack) or execution.status is Status.INFRA_ERROR
        result = Result.SURPRISE if promised else Result.NOT_PROMISED
    did = f"{execution.status}: {through}" if through else str(execution.status)
    return Outcome(attack.name, attack.kind, attack.guarantee, attack.must, did, result, seconds)


def _execute(sandbox: Sandbox, attack: Attack, traps: Traps) -> Execution:
    args = (traps.target,)
    if attack.first is not None:
        sandbox.run(Program(attack.first, call="attack", args=args), _Echo(), attack.limits)
    return sandbox.run(Program(attack.source, call="attack", args=args), _Echo(), attack.limits)


def _describe_breach(attack: Attack, execution: Execution, seconds: float) -> str | None:
    if execution.status is Status.INFRA_ERROR:
        return f"could not be tried: {execution.error}"
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
