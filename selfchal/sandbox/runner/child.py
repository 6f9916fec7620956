"""One child: locks itself down, then runs what it is sent, in one process with the untrusted code.

Nothing in this file is relied upon for safety after ``lock_down``: the code under test may rewrite all
of it. The kernel keeps the walls, and the host believes no frame that is not strict JSON in its caps.
"""

from __future__ import annotations

import _socket
import builtins
import gc
import io
import linecache
import marshal
import os
import sys
import traceback
from typing import Any, NamedTuple

from . import kernel, wire

CHANNEL = 3
NOT_LOCKED = 77  # exit code of a child that could not lock itself down
_reserve = [bytes(4 * 2**20)]  # room to speak when memory is gone; never touched, so free
_ERROR_CAP = 16 * 2**10
MOST_DESCRIPTORS = 4096  # that a zygote can have
_FILENAME = "<task>"
_REHEARSALS = 20  # the interpreter specialises code that ran some times
_REHEARSAL = """
def f(answer):
    found = tool(answer, key="value")
    assert answer == 1, "not as asked"
    return {"found": found, "ok": len(found) == 2 and found[1]["a"] > 0}
"""


class ToolError(RuntimeError):
    """A tool refused the call or went wrong; the message is the tool's."""

    __module__ = "builtins"  # a traceback then names it as the code knows it


class OutputLimitError(Exception):
    """More was printed than the limit allows."""


class PreparedIsolation(NamedTuple):
    """What the zygote prepared for its children, only to be put up."""

    bindings: tuple[kernel.Step, ...]
    filter: kernel.Step  # the last one: after it most calls are refused
    base_memory: int  # bytes of address space of the zygote itself
    cpu_seconds: int  # that any child may use


def become_child(channel: int, stdout: int, isolation: PreparedIsolation) -> None:
    """Lock down, report, serve until the host hangs up. Never returns."""
    try:
        os.dup2(stdout, 1)
        os.dup2(stdout, 2)
        os.dup2(channel, CHANNEL)
        kernel.take(isolation.bindings)
        os.closerange(CHANNEL + 1, MOST_DESCRIPTORS)
        kernel.take((isolation.filter,))
    except BaseException as error:  # noqa: BLE001 — nothing may go on in a child that is not locked down
        os.write(1, repr(error).encode())  # the host reads why
        os._exit(NOT_LOCKED)
    try:
        gc.enable()
        os.write(CHANNEL, wire.READY)
        serve(isolation.base_memory)
    finally:
        os._exit(0)


def serve(base_memory: int) -> None:
    """Run what comes over the channel until the host hangs up."""
    globals_: dict[str, Any] = {}
    number = 0
    while (frame := wire.read_frame(CHANNEL)) is not None:
        _, request = wire.trusted(frame)
        _limit(request, base_memory)
        number += 1
        answer = _answer(request, globals_, number)
        del frame, request
        wire.write_frame(CHANNEL, answer)


def rehearse() -> None:
    """Run a small program in the zygote itself, so that what every child needs is ready before the fork.

    The interpreter looks up and specialises what it runs; each child would do that anew, on pages of its own.
    """
    here, there = _socket.socketpair()
    os.dup2(there.fileno(), CHANNEL)
    streams = sys.stdout, sys.stderr
    code = marshal.dumps(compile(_REHEARSAL, _FILENAME, "exec", dont_inherit=True)).hex()
    for number in range(_REHEARSALS):
        here.sendall(wire.framed(wire.encode(["value", [1, {"a": 0.5}]])))
        answer = 1 + number % 3 // 2  # each third run ends in an error
        request: Any = {"source": _REHEARSAL, "call": "f", "args": [answer], "result": "", "tools": ["tool"]}
        request |= {
            "code": code if number % 2 else None,
            "session": False,
            "memory": 0,
            "stdout": 2**16,
            "value": 2**16,
        }
        _, request = wire.trusted(wire.encode(["run", request]))
        wire.write_frame(CHANNEL, _answer(request, {}, 1))
        here.recv(2**16)
    sys.stdout, sys.stderr = streams
    linecache.cache.clear()
    os.dup2(0, CHANNEL)
    here.close()
    there.close()


def _answer(request: dict[str, Any], globals_: dict[str, Any], number: int) -> bytes:
    """Run one request; the bytes of its ``done`` message."""
    if number == 1:
        globals_.update(_make_globals(request["tools"]))
    filename = _FILENAME if number == 1 else f"{_FILENAME[:-1]} {number}>"
    return _execute(request, globals_, filename)


def _make_globals(tools: list[str]) -> dict[str, Any]:
    functions = {name: _make_tool(name) for name in tools}
    return {"__name__": "__main__", "__builtins__": builtins, "ToolError": ToolError, **functions}


def _make_tool(name: str) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            payload = wire.encode(["call", name, args, kwargs])
        except wire.NotStrictError as error:
            raise TypeError(f"{name}(): arguments must be JSON: {error}") from None
        wire.write_frame(CHANNEL, payload)
        frame = wire.read_frame(CHANNEL)
        if frame is None:
            os._exit(0)
        kind, value = wire.trusted(frame)
        if kind == "raise":
            raise ToolError(value)
        return value

    call.__name__ = call.__qualname__ = name
    return call


class _Stdout(io.TextIOBase):
    """Writes through to descriptor 1, so that what was printed survives a kill; counts what is left."""

    encoding = "utf-8"

    def __init__(self, allowance: int) -> None:
        self.allowance = allowance

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        data = text.encode("utf-8", "backslashreplace")
        view = memoryview(data)[: max(self.allowance, 0)]
        self.allowance -= len(data)
        while view:
            view = view[os.write(1, view) :]
        if self.allowance < 0:
            raise OutputLimitError("printed more than the limit allows")
        return len(text)


def _execute(request: dict[str, Any], globals_: dict[str, Any], filename: str) -> bytes:
    sys.stdout = sys.stderr = stream = _Stdout(request["stdout"])
    source: str = request["source"]
    linecache.cache[filename] = (len(source), None, f"{source}\n".splitlines(keepends=True), filename)
    status, value, error = "ok", None, None
    try:
        exec(_compile_code(request, filename), globals_)
        value = _read_value(request, globals_)
    except MemoryError:
        _reserve.clear()
        status, error = "memory", f"MemoryError: more than {request['memory']} bytes"
    except OutputLimitError as reason:
        status, error = "output", str(reason)
    except BaseException as reason:  # noqa: BLE001 — whatever the code raises is data (SystemExit too)
        status, error = "exception", _format_traceback(reason)
    if stream.allowance < 0 and status in ("ok", "exception"):
        status, error = "output", f"printed more than {request['stdout']} bytes"
    return _send_done(status, value, error, request)


def _compile_code(request: dict[str, Any], filename: str) -> Any:
    """What the host has compiled, where it could: compiling touches many pages that loading does not."""
    if request["code"] is None:
        return compile(request["source"], filename, "exec", dont_inherit=True)
    return marshal.loads(bytes.fromhex(request["code"]))


def _limit(request: dict[str, Any], base_memory: int) -> None:
    """Rlimits of this request; hard limits too, so that the code can only lower them."""
    kernel.take(
        (
            kernel.prepared_rlimit(kernel.RLIMIT_AS, base_memory + request["memory"]),
            kernel.prepared_rlimit(kernel.RLIMIT_FSIZE, request["stdout"]),
        )
    )


def _read_value(request: dict[str, Any], globals_: dict[str, Any]) -> Any:
    if request["call"] is None:
        return globals_.get(request["result"])
    function = globals_.get(request["call"])
    if function is None:
        raise NameError(f"the code defines no {request['call']}()")
    args = request["args"]
    return function(*args[: _accepts(function)])


def _accepts(function: Any) -> int | None:
    """How many positional arguments a Python function takes; None for any number."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_flags & 0x04:  # CO_VARARGS
        return None
    return int(code.co_argcount)


def _send_done(status: str, value: Any, error: str | None, request: dict[str, Any]) -> bytes:
    if request["session"] and status == "ok":
        value = _check_strict(value)
    try:
        data = wire.encode(["done", status, value, error])
    except MemoryError:
        return wire.encode(
            ["done", "memory", None, "MemoryError: the value does not fit in the memory limit"]
        )
    except wire.NotStrictError as reason:
        return wire.encode(["done", "output", None, f"the value is not strict JSON: {reason}"])
    if len(data) > request["value"]:
        return wire.encode(["done", "output", None, f"the value is larger than {request['value']} bytes"])
    if wire.count_values(data) > wire.MAX_VALUES:
        return wire.encode(["done", "output", None, f"the value holds more than {wire.MAX_VALUES:,} values"])
    return data


def _check_strict(value: Any) -> Any:
    """A session's ``result`` is a variable like others: what JSON cannot carry is simply not told."""
    try:
        wire.check(value)
    except wire.NotStrictError:
        return None
    return value


def _format_traceback(error: BaseException) -> str:
    """The traceback as the code's author should see it: their own lines only."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(_FILENAME[:-1])
    ]
    for frame in frames:
        frame.filename = _FILENAME
        frame.colno = frame.end_colno = None  # for carets below the line `ast` would be imported: 5 ms
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)] if frames else []
    if isinstance(error, SyntaxError) and str(error.filename).startswith(_FILENAME[:-1]):
        error.filename = _FILENAME
    try:
        lines += traceback.format_exception_only(type(error), error)
    except Exception:  # noqa: BLE001 — the code's own __str__ raised
        lines.append(f"{type(error).__name__}\n")
    text = "".join(lines).strip()
    if len(text) > _ERROR_CAP:
        text = text[: _ERROR_CAP // 2] + "\n…\n" + text[-_ERROR_CAP // 2 :]
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
