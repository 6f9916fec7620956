"""One run over a channel: send the request, answer the tool calls, believe nothing, say how it ended.

Shared by every sandbox whose untrusted side is the runner. The clock stands while the host answers a
tool call: what the code waits for there is not its own time.
"""

from __future__ import annotations

import marshal
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Protocol

from selfchal.core.sandbox import Execution, Limits, Program, Status
from selfchal.core.text import replace_surrogates_within
from selfchal.core.world import Call, Json, ToolHost, ToolResult
from selfchal.sandbox.runner import wire
from selfchal.sandbox.runner.ending import Ending
from selfchal.sandbox.runner.frames import ChannelClosedError, ChannelTimeoutError, FrameTooLargeError

_CALLS_ROOM = 4
_SLACK = 32 * 2**10  # an error text and a message's own words, beside the value
# When the machine's memory runs out, the kernel kills the largest process. One that held as much as this (or
# this share of its limit) has brought that upon itself; a smaller one was only near.
_OWN_MEMORY, _OWN_SHARE = 64 * 2**20, 4
_SELF_REPORTED = {"ok", "exception", "memory", "output"}
_TEXT_CAP = 20_000
_NAME_CAP = 100
# Bytes of one call: what a tool is given is bounded before it runs, since nothing can stop it then.
ARGUMENTS_CAP = 256 * 2**10
_REMEMBERED = 2**14  # bytes of an answer, and no more, are remembered as they are sent


class Channel(Protocol):
    """The host's end of one untrusted process (``runner.forked.Child`` is one)."""

    def watch(self, memory: int) -> None:
        """A run with a limit of ``memory`` bytes begins."""
        ...

    def send(self, payload: bytes, deadline: float) -> None: ...

    def receive(self, deadline: float, cap: int) -> bytes: ...

    def stdout(self, cap: int) -> bytes: ...

    def ending(self) -> Ending:
        """How it ended, after it hung up; what still lives is killed, so that this takes no time."""
        ...

    def kill(self) -> None: ...

    def close(self) -> None: ...


@dataclass
class Answers:
    """Answers tool calls for one run and keeps the record of them."""

    tools: ToolHost | None
    limits: Limits
    calls: list[Call] = field(default_factory=list)
    waited: float = 0.0  # seconds spent inside tools
    _answered: int = 0  # bytes of all answers

    def __post_init__(self) -> None:
        self._digest: Callable[[], str] | None = getattr(self.tools, "digest", None)
        self._last = self._digest() if self._digest else ""

    def answer(self, name: str, args: list[Json], kwargs: Mapping[str, Json], size: int) -> bytes:
        """The frame that goes back for one call; ``size`` is how many bytes asked for it."""
        if self.tools is None or name not in self.tools.tool_names:
            return wire.encode(["raise", f"no tool is called {name[:_NAME_CAP]}"])
        if refusal := self._find_excess(size):
            return wire.encode(["raise", refusal])
        before = time.monotonic()
        result = self.tools.call(name, args, kwargs)
        self.waited += time.monotonic() - before
        result, payload = _encode_result(name, result)
        self._answered += len(payload)
        changed = self._has_changed()
        self.calls.append(Call(name, tuple(args), kwargs, result.value, result.ok, changed, result.error))
        return payload

    def _find_excess(self, size: int) -> str | None:
        """What there is too much of for another call: a call costs the host time and memory."""
        if len(self.calls) >= self.limits.calls:
            return f"more than {self.limits.calls} tool calls"
        if size > ARGUMENTS_CAP:
            return f"the arguments take {size} bytes, at most {ARGUMENTS_CAP} are passed on"
        if self.waited >= self.limits.tool_seconds:
            return f"the tools have taken longer than {self.limits.tool_seconds:g} s"
        if self._answered > _CALLS_ROOM * self.limits.value:
            return f"the tools have answered with more than {_CALLS_ROOM * self.limits.value} bytes"
        return None

    def _has_changed(self) -> bool:
        if self._digest is None:
            return False
        before, self._last = self._last, self._digest()
        return before != self._last


def _encode_result(name: str, result: ToolResult) -> tuple[ToolResult, bytes]:
    """The frame of a tool's answer, and the answer as the frame has it."""
    try:
        return result, _encode_value(result)
    except wire.LoneSurrogateError:  # a tool's text enters here, so here it becomes text that can be written
        clean = replace(result, value=replace_surrogates_within(_show_value(result)))
        return clean, _encode_value(clean)
    except wire.NotStrictError as error:
        odd = ToolResult(f"{name} answered with what is not JSON: {error}", ok=False, raises=True)
        return odd, _encode_value(odd)


def _encode_value(result: ToolResult) -> bytes:
    return _write_frame("raise" if result.raises else "value", _show_value(result))


def _show_value(result: ToolResult) -> Json:
    return str(result.value) if result.raises else result.value


def _write_frame(kind: str, value: Json) -> bytes:
    """The bytes of an answer. Many runs read the same rows, and marshal is fast in telling that they are the
    same. Raises NotStrictError."""
    try:
        data = marshal.dumps(value, 2)
    except ValueError:  # of another type than JSON's own, or too deep
        return wire.encode([kind, value])
    return _remember(kind, data) if len(data) <= _REMEMBERED else wire.encode([kind, value])


@lru_cache(maxsize=1024)
def _remember(kind: str, data: bytes) -> bytes:
    return wire.encode([kind, marshal.loads(data)])


class InfrastructureError(Exception):
    """The sandbox failed, not the code. ``calls`` tells whether the world has been touched."""

    def __init__(self, reason: str, calls: tuple[Call, ...] = ()) -> None:
        super().__init__(reason)
        self.calls = calls


def request_of(
    program: Program, tools: ToolHost | None, limits: Limits, *, session: bool, code: str | None = None
) -> bytes:
    """The ``run`` frame; ``code`` is the source as ``precompiled`` gives it, for a child of the same Python.

    Raises NotStrictError for arguments or source that JSON cannot carry.
    """
    return wire.encode(
        [
            "run",
            {
                "source": program.source,
                "code": code,
                "call": program.call,
                "args": list(program.args),
                "result": program.result,
                "tools": list(tools.tool_names) if tools else [],
                "session": session,
                "memory": limits.memory,
                "stdout": limits.stdout,
                "value": limits.value,
            },
        ]
    )


def converse(channel: Channel, request: bytes, answers: Answers) -> Execution:
    """Run one request to its end. Raises InfrastructureError; whatever the code does is an Execution.

    After any status but ok, exception and output the process must be closed.
    """
    limits = answers.limits
    started = time.monotonic()
    value = None
    try:
        message = _converse(channel, request, answers, started + limits.seconds)
        status, value, error = _judge(message)
    except ChannelTimeoutError:
        channel.kill()
        status, error = Status.TIMEOUT, f"longer than {limits.seconds:g} s"
    except FrameTooLargeError as reason:
        channel.kill()
        status, error = Status.OUTPUT, str(reason)
    except ChannelClosedError:
        status, error = explain_end(channel.ending(), limits, tuple(answers.calls))
    except wire.NotStrictError as reason:
        channel.kill()
        status, error = Status.CRASH, f"its answer is no message: {reason}"[:_TEXT_CAP]
    printed = channel.stdout(limits.stdout).decode("utf-8", "replace")
    seconds = time.monotonic() - started - answers.waited
    return Execution(status, value, printed, error, tuple(answers.calls), seconds)


def _converse(channel: Channel, request: bytes, answers: Answers, deadline: float) -> list[Any]:
    """Answer calls until the ``done`` message; that."""
    cap = answers.limits.value + _SLACK
    capacity = _CALLS_ROOM * answers.limits.value + _SLACK  # all that its calls may carry, kept in the record
    values = wire.MAX_VALUES  # that all its messages may hold
    channel.watch(answers.limits.memory)
    channel.send(request, deadline)
    while True:
        frame = channel.receive(deadline + answers.waited, min(cap, capacity))
        capacity -= len(frame)
        values -= wire.count_values(frame)
        if values < 0:
            raise FrameTooLargeError(f"its messages hold more than {wire.MAX_VALUES:,} values")
        message = wire.decode(frame)
        if not isinstance(message, list) or not message or message[0] not in ("call", "done"):
            raise wire.NotStrictError("neither call nor done")
        if message[0] == "done":
            return message
        if time.monotonic() > deadline + answers.waited:  # a channel that is never empty is never waited for
            raise ChannelTimeoutError
        payload = answers.answer(*_check_call(message), len(frame))
        channel.send(payload, deadline + answers.waited)


def _check_call(message: list[Any]) -> tuple[str, list[Json], dict[str, Json]]:
    match message:
        case ["call", str(name), list(args), dict(kwargs)]:
            return name, args, kwargs
    raise wire.NotStrictError("a malformed call")


def _judge(message: list[Any]) -> tuple[Status, Json, str | None]:
    match message:
        case ["done", str(status), value, str(error) | (None as error)] if status in _SELF_REPORTED:
            return Status(status), value if status == "ok" else None, error[:_TEXT_CAP] if error else None
    raise wire.NotStrictError("a malformed done")


def explain_end(ending: Ending, limits: Limits, calls: tuple[Call, ...] = ()) -> tuple[Status, str]:
    """What a silent end means. Raises InfrastructureError where the trusted side has seen something fail on
    its own side; everything else is the code's doing."""
    if ending.page_tables:
        return Status.MEMORY, f"the kernel's tables for its memory alone took {ending.page_tables} bytes"
    if ending.out_of_memory and ending.peak >= min(_OWN_MEMORY, limits.memory // _OWN_SHARE):
        held = f"{ending.peak / 2**20:.0f} MB of its {limits.memory / 2**20:.0f} MB"
        return Status.MEMORY, f"the machine ran out of memory when it held {held}"
    if ending.failure:
        raise InfrastructureError(ending.failure, calls)
    if ending.hung_up or ending.wait_status is None:
        return Status.CRASH, "it closed its channel to the host"
    return _explain_status(ending.wait_status)


def _explain_status(wait_status: int) -> tuple[Status, str]:
    number = wait_status & 0x7F
    if number == 0:
        return Status.CRASH, f"the process ended with exit code {wait_status >> 8} and no answer"
    if number == signal.SIGSYS:
        return Status.DENIED, "killed for a forbidden system call"
    if number == signal.SIGXCPU:
        return Status.TIMEOUT, "used up its CPU time"
    return Status.CRASH, f"the process died of signal {number}"


def unreadable(reason: wire.NotStrictError) -> Execution:
    """What a program that cannot even be sent gives: the code's fault, told as an exception."""
    what = "the source or its arguments"
    return Execution(Status.EXCEPTION, error=f"{what} cannot be sent to the sandbox: {reason}")
