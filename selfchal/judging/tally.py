"""How many executions a judgement takes: a sandbox that counts."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from selfchal.core.sandbox import Execution, Guarantees, Limits, Program, Sandbox, Session
from selfchal.core.world import ToolHost


class CountingSandbox:
    """A sandbox that counts what is run in it."""

    name: ClassVar[str] = "tally"
    Config: ClassVar[type[BaseModel]] = BaseModel

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.runs = 0

    @property
    def guarantees(self) -> Guarantees:
        return self._sandbox.guarantees

    def run(self, program: Program, tools: ToolHost | None, limits: Limits) -> Execution:
        self.runs += 1
        return self._sandbox.run(program, tools, limits)

    def session(self, tools: ToolHost | None, limits: Limits) -> Session:
        return self._sandbox.session(tools, limits)

    def close(self) -> None:
        self._sandbox.close()
