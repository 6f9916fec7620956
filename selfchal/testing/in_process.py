"""A sandbox that keeps nothing out, for tests alone: code runs in the process of the tests, at once.

Give it only code that the tests themselves wrote. It has no limits, and a session is a dict of variables.
"""

from __future__ import annotations

import contextlib
import io
import json
import time
import traceback
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from selfchal.core.sandbox import GUARANTEES, Execution, Guarantees, Level, Limits, Program, Status
from selfchal.core.world import Call, ToolHost


class NoOptions(BaseModel):
    """It has none."""

    model_config = ConfigDict(extra="forbid")


class InProcessSandbox:
    """``runs`` counts what was run. Where ``broken`` is set, everything ends as an infrastructure error."""

    name: ClassVar[str] = "in_process"
    Config: ClassVar[type[BaseModel]] = NoOptions
    guarantees = Guarantees("in_process", "none", dict.fromkeys(GUARANTEES, Level.NONE))

    def __init__(self, config: NoOptions | None = None) -> None:
        self.runs = 0
        self.broken = False

    def run(self, program: Program, tools: ToolHost | None, limits: Limits) -> Execution:
        return InProcessSession(self, tools).execute(program)

    def session(self, tools: ToolHost | None, limits: Limits) -> InProcessSession:
        return InProcessSession(self, tools)

    def close(self) -> None:
        """There is nothing to end."""


class InProcessSession:
    """Code and its variables, in this process."""

    def __init__(self, sandbox: InProcessSandbox, tools: ToolHost | None) -> None:
        self.sandbox, self.tools, self.calls = sandbox, tools, list[Call]()
        self.space: dict[str, Any] = {"__name__": "__main__"}
        for name in tools.tool_names if tools else ():
            self.space[name] = self._function(name)

    def _function(self, name: str) -> Any:
        def function(*args: Any, **kwargs: Any) -> Any:
            assert self.tools is not None
            before = self.tools.digest() if hasattr(self.tools, "digest") else ""
            result = self.tools.call(name, args, kwargs)
            changed = hasattr(self.tools, "digest") and before != self.tools.digest()
            self.calls.append(Call(name, args, kwargs, result.value, result.ok, changed))
            if result.raises:
                raise RuntimeError(result.value)
            return json.loads(json.dumps(result.value))

        return function

    def run(self, source: str) -> Execution:
        return self.execute(Program(source))

    def execute(self, program: Program) -> Execution:
        self.sandbox.runs += 1
        if self.sandbox.broken:
            return Execution(Status.INFRA_ERROR, error="unplugged")
        printed, started, self.calls = io.StringIO(), time.perf_counter(), []
        clocks = {name: getattr(time, name) for name in ("time", "monotonic", "perf_counter")}
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(program.source, "<program>", "exec"), self.space)
                value = self.space.get(program.result)
                if program.call:
                    function = self.space[program.call]
                    value = function(*program.args[: function.__code__.co_argcount])
            json.dumps(value)
            status, error = Status.OK, None
        except BaseException:  # noqa: BLE001 — whatever the code raises is the answer
            value, status, error = None, Status.EXCEPTION, traceback.format_exc(limit=-1)
        for name, clock in clocks.items():  # perturbed code turns them
            setattr(time, name, clock)
        seconds = time.perf_counter() - started
        return Execution(status, value, printed.getvalue(), error, tuple(self.calls), seconds)

    def close(self) -> None:
        """There is nothing to end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
