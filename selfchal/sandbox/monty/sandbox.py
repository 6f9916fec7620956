"""``sandbox: {name: monty}``: pydantic-monty, for agent actions where no Linux sandbox can be had.

It is another interpreter: no class inheritance, no ``yield``, no ``del``, few modules, and some numbers
round differently (``round(2.675, 2)`` is 2.68, CPython says 2.67). Its verdicts are never to be mixed
with another sandbox's: ``Guarantees.sandbox`` is stored with each, and a run has one sandbox.
"""

from __future__ import annotations

import ast
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from selfchal.core.errors import SandboxUnavailableError
from selfchal.core.requirement import Requirement
from selfchal.core.sandbox import (
    GUARANTEES,
    MAX_SOURCE,
    Execution,
    Guarantees,
    Level,
    Limits,
    Program,
    Status,
)
from selfchal.core.world import Json, ToolHost
from selfchal.parsing import parse_python
from selfchal.sandbox.protocol import Answers
from selfchal.sandbox.runner import wire

_GRACE_SECONDS = 1.0  # after which the pool kills a worker whose own clock did not stop it
_TEXT_CAP = 20_000
_LEVELS = {"kernel_surface": Level.PARTIAL, "determinism": Level.PARTIAL}
_NOTES = "a language-level sandbox in worker processes with empty environments; no kernel walls around them"
# Monty turns functions, cycles and lone surrogates into text on their way out; its own JSON does not.
_TELL = "import json as json_of_value\nvalue_told = {}\n[value_told, json_of_value.dumps(value_told)]"
_PRELUDE = "ToolError = RuntimeError\n"


class MontyConfig(BaseModel):
    """Options of the monty sandbox."""

    model_config = ConfigDict(extra="forbid")

    require: Level = Field(Level.PARTIAL, description="refuse to run when any guarantee is below this level")
    workers: int = Field(
        64, ge=1, le=10_000, description="worker processes at most; each open session holds one"
    )


class MontySandbox:
    """Monty, an interpreter of a part of Python in Rust; runs on every system."""

    name: ClassVar[str] = "monty"
    Config: ClassVar[type[BaseModel]] = MontyConfig
    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("pydantic_monty", "selfchal[monty]"),)
    # It searches a verifier with values of classes of its own, which Monty does not have.
    unfit_checks: ClassVar[tuple[str, ...]] = ("strength",)

    def __init__(self, config: MontyConfig) -> None:
        """Raises SandboxUnavailableError where pydantic-monty is missing or ``require`` is not met."""
        try:
            import pydantic_monty
        except ImportError as error:
            raise SandboxUnavailableError(
                "sandbox monty needs pydantic-monty: pip install 'selfchal[monty]'"
            ) from error
        missing = self.guarantees.missing(config.require)
        if missing:
            raise SandboxUnavailableError(
                f"sandbox monty gives less than 'require: {config.require}' for {', '.join(missing)}; "
                "lower 'require', or use sandbox 'process' or 'docker'"
            )
        try:
            self._pool = pydantic_monty.Monty(
                max_processes=config.workers,
                max_checkouts_per_worker=1000,
                feed_duration_limit_grace=_GRACE_SECONDS,
            )
            self._pool.__enter__()
        except OSError as error:  # installed without the program for this system, or it may not be executed
            raise SandboxUnavailableError(
                f"sandbox monty cannot start its program ({error}); reinstall it with "
                "pip install --force-reinstall 'selfchal[monty]', or use sandbox 'process' or 'docker'"
            ) from error
        self._closed = threading.Event()

    @property
    def guarantees(self) -> Guarantees:
        levels = {name: _LEVELS.get(name, Level.FULL) for name in GUARANTEES}
        return Guarantees("monty", "interpreter", levels, _NOTES)

    def run(self, program: Program, tools: ToolHost | None, limits: Limits) -> Execution:
        """Run one program in a fresh interpreter. ``hash_seed`` has no meaning here: sets keep an order."""
        with contextlib.closing(self._open_session(tools, limits)) as session:
            return session.run_program(program)

    def session(self, tools: ToolHost | None, limits: Limits) -> MontySession:
        return self._open_session(tools, limits)

    def _open_session(self, tools: ToolHost | None, limits: Limits) -> MontySession:
        return MontySession(self._pool, tools, limits, self._closed)

    def close(self) -> None:
        if not self._closed.is_set():
            self._closed.set()
            self._pool.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class MontySession:
    """Code that keeps its variables. After a limit the worker is discarded, as Monty's own manual asks."""

    def __init__(self, pool: Any, tools: ToolHost | None, limits: Limits, closed: threading.Event) -> None:
        self._pool = pool
        self._tools = tools
        self._limits = limits
        self._closed = closed
        self._worker: Any = None

    def run(self, source: str) -> Execution:
        return self.run_program(Program(source))

    def run_program(self, program: Program) -> Execution:
        """Run a program's source, then find its value."""
        import pydantic_monty as monty

        answers = Answers(self._tools, self._limits)
        printed = monty.CollectString(self._limits.stdout)
        started = time.monotonic()
        value: Json = None
        try:
            value = self._feed(program, answers, printed)
            status, error = _judge(value, self._limits)
        except (wire.NotStrictError, RecursionError) as reason:
            status, error = Status.OUTPUT, f"the value is not strict JSON: {reason}"
        except monty.MontyCrashedError as reason:
            status, error = (Status.TIMEOUT if reason.timed_out else Status.CRASH), str(reason)
        except monty.MontyError as reason:
            status, error = _read_status(reason, self._limits), str(reason)
        except (monty.MontyShutdown, RuntimeError, TimeoutError) as reason:
            status, error = Status.INFRA_ERROR, f"monty's pool failed: {reason}"
        if status not in (Status.OK, Status.EXCEPTION, Status.OUTPUT):
            self.close()
        seconds = time.monotonic() - started - answers.waited
        text = printed.output[: self._limits.stdout] if isinstance(printed.output, str) else ""
        kept = value if status is Status.OK else None
        return Execution(status, kept, text, error and error[:_TEXT_CAP], tuple(answers.calls), seconds)

    def _feed(self, program: Program, answers: Answers, printed: Any) -> Json:
        if self._closed.is_set():
            raise RuntimeError("the sandbox is closed")
        worker = self._worker = self._worker or self._open()
        lookup: dict[str, Any] = {
            name: _bind_tool(name, answers) for name in (self._tools.tool_names if self._tools else ())
        }
        worker.feed_run(program.source, external_lookup=lookup, print_callback=printed)
        lookup.setdefault(program.result, None)  # a program that never assigned its result
        expression, inputs = _make_value_expression(program)
        code = _TELL.format(expression)
        value, text = worker.feed_run(code, inputs=inputs, external_lookup=lookup, print_callback=printed)
        if wire.decode(text.encode("utf-8")) != value:
            raise wire.NotStrictError(f"a value that reads {text[:100]}")
        return value

    def _open(self) -> Any:
        worker = self._pool.checkout(
            script_name="<task>",
            limits={"max_feed_duration_secs": self._limits.seconds, "max_memory": self._limits.memory},
        )
        worker.__enter__()
        worker.feed_run(_PRELUDE)
        return worker

    def close(self) -> None:
        if self._worker is not None:
            worker, self._worker = self._worker, None
            worker.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _bind_tool(name: str, answers: Answers) -> Callable[..., Json]:
    def call(*args: Json, **kwargs: Json) -> Json:
        size = len(wire.encode([args, kwargs]))
        kind, value = wire.decode(answers.answer(name, list(args), kwargs, size))
        if kind == "raise":
            raise RuntimeError(value)
        return value

    return call


def _make_value_expression(program: Program) -> tuple[str, dict[str, Json]]:
    if program.call is None:
        return program.result, {}
    inputs = {f"argument_{number}": value for number, value in enumerate(program.args)}
    names = list(inputs)[: _accepts(program)]
    return f"{program.call}({', '.join(names)})", {name: inputs[name] for name in names}


def _accepts(program: Program) -> int | None:
    """How many positional arguments the called function takes; None for any number, or where that is not to
    be told. Nothing is compiled, and parsing takes a time that grows with the length alone, which is bounded;
    the service that compiles needs what Windows has not."""
    try:
        tree = parse_python(program.source[:MAX_SOURCE])
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == program.call:
            return None if node.args.vararg else len(node.args.posonlyargs) + len(node.args.args)
    return None


def _judge(value: Json, limits: Limits) -> tuple[Status, str | None]:
    try:
        data = wire.encode(value)
    except wire.NotStrictError as reason:
        return Status.OUTPUT, f"the value is not strict JSON: {reason}"
    if len(data) > limits.value:
        return Status.OUTPUT, f"the value is larger than {limits.value} bytes"
    if wire.count_values(data) > wire.MAX_VALUES:
        return Status.OUTPUT, f"the value holds more than {wire.MAX_VALUES:,} values"
    return Status.OK, None


def _read_status(error: Any, limits: Limits) -> Status:
    """Monty raises its limits inside the code, under the names that code may raise too."""
    inner = error.exception()
    text = str(inner)
    if isinstance(inner, TimeoutError) and "time limit exceeded" in text:
        return Status.TIMEOUT
    if isinstance(inner, MemoryError):
        return Status.OUTPUT if text.endswith(f"> {limits.stdout} bytes") else Status.MEMORY
    return Status.EXCEPTION
