"""The sandbox contract: run this code with these tools under these limits (invariants 1 and 2).

The code never shares a process with the world, with what judges it, or with another task. It reaches
tools only by call: each call travels as strict JSON to the trusted side, where the ``ToolHost`` answers.
A call that is answered with ``raises`` becomes a ``ToolError`` (a RuntimeError) in the code. Each call is
kept in ``Execution.calls``. Its ``changed`` says whether the host's digest is another one than before: a
``World`` has one, and for a host without a digest nothing changes. A call too many (``Limits.calls``), or one
whose arguments or answer are too large, is answered with ``raises`` and reaches no tool.

A sandbox that fails itself retries, then answers ``infra_error``; that is never a verdict. A machine
that cannot give what the sandbox promises gets ``SandboxUnavailableError`` when the sandbox is made.
All methods may be called from several threads at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol, Self

from pydantic import BaseModel

from selfchal.core.world import Call, Json, ToolHost


class Status(StrEnum):
    """How an execution ended."""

    OK = "ok"
    EXCEPTION = "exception"  # the code raised; ``error`` has the traceback
    TIMEOUT = "timeout"  # wall clock or CPU time
    MEMORY = "memory"
    OUTPUT = "output"  # stdout or the value is too large, or is not strict JSON
    CRASH = "crash"  # the process died without an answer
    DENIED = "denied"  # killed for an operation that the sandbox forbids
    INFRA_ERROR = "infra_error"  # the sandbox failed, not the code


_LEAST = {"seconds": 0.01, "memory": 16 * 2**20, "stdout": 0, "value": 1, "calls": 0, "tool_seconds": 0}


@dataclass(frozen=True)
class Limits:
    """What one execution may use. ``seconds`` is wall time, but for the time in tools, which is bounded by
    ``tool_seconds``; sizes are bytes.

    Raises ValueError for what no execution can keep to, since its code would be blamed for it.
    """

    seconds: float = 5.0
    memory: int = 512 * 2**20
    stdout: int = 64 * 2**10
    value: int = 4 * 2**20
    calls: int = 1_000
    tool_seconds: float = 60.0

    def __post_init__(self) -> None:
        for name, bound in _LEAST.items():
            given = getattr(self, name)
            if isinstance(given, bool) or not isinstance(given, int | float) or not bound <= given < math.inf:
                raise ValueError(f"Limits: {name} must be a number of at least {bound}, not {given!r}")


# Characters of source that the host itself parses or compiles. At this length even the deepest nesting is
# parsed or ends in CPython's own RecursionError or MemoryError, never in a dead process (measured;
# tests/judging/source/test_parse.py holds the cases). The longest sound verifier seen is below 3,000.
MAX_SOURCE = 20_000


@dataclass(frozen=True)
class Program:
    """Source to run, and where its value is found.

    With ``call``, that function is called after the source has run, with as many of ``args`` as it
    takes, and its return value is the value; otherwise the value is what the variable ``result`` holds
    (None when it was never assigned).
    ``hash_seed`` 0 or 1 picks the interpreter: two runs that must agree use one of each.
    """

    source: str
    call: str | None = None
    args: tuple[Json, ...] = ()
    result: str = "result"
    hash_seed: int = 0


@dataclass(frozen=True)
class Execution:
    """How one piece of code ended. ``value`` is its result, strict JSON; ``error`` the traceback, if any.

    ``calls`` are the tool calls that it made, in order; ``seconds`` its wall time, that of tools left out.
    """

    status: Status
    value: Json = None
    stdout: str = ""
    error: str | None = None
    calls: tuple[Call, ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.status is Status.OK


class Level(StrEnum):
    """How far a guarantee goes."""

    FULL = "full"
    PARTIAL = "partial"
    NONE = "none"


GUARANTEES = (
    "network",
    "file_reads",
    "file_writes",
    "secrets",
    "memory",
    "cpu",
    "wall_time",
    "processes",
    "kernel_surface",
    "verdict_forging",
    "determinism",
)


@dataclass(frozen=True)
class Guarantees:
    """What a sandbox promises here and now, stored with every verdict: a level for each of GUARANTEES."""

    sandbox: str
    tier: str
    levels: Mapping[str, Level] = field(default_factory=dict)
    notes: str = ""

    def missing(self, required: Level) -> list[str]:
        """The guarantees that stay below ``required``."""
        order = [Level.NONE, Level.PARTIAL, Level.FULL]
        floor = order.index(required)
        return [name for name in GUARANTEES if order.index(self.levels.get(name, Level.NONE)) < floor]


class Session(Protocol):
    """Code that keeps its variables from one run to the next, as CodeAct needs; a process of its own.

    After a status that ends the process (timeout, memory, crash, denied) the next run starts afresh.
    """

    def run(self, source: str) -> Execution: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class Sandbox(Protocol):
    """Runs untrusted Python that reaches tools by call alone, and says what it guarantees."""

    name: ClassVar[str]
    Config: ClassVar[type[BaseModel]]

    def __init__(self, config: Any) -> None:
        """Start the sandbox. Raises SandboxUnavailableError where this machine cannot give it."""

    @property
    def guarantees(self) -> Guarantees: ...

    def run(self, program: Program, tools: ToolHost | None, limits: Limits) -> Execution:
        """Run one program in a fresh process."""

    def session(self, tools: ToolHost | None, limits: Limits) -> Session: ...

    def close(self) -> None: ...
