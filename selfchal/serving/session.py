"""A stranger's session: a world of its own, the calls that it makes there, and the answer that it gives.

An agent that runs in somebody else's program reaches the world by name and JSON arguments alone. Where the
environment asks for an answer, one more tool takes it, so that a session is nothing but a list of calls: who
has the list can make the calls again on a fresh world (``replay``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from selfchal.core.environment import Environment
from selfchal.core.errors import PluginError
from selfchal.core.world import Json, ToolSpec, World

ANSWER_TOOL = "submit_answer"
_ANSWER_SPEC = ToolSpec(
    name=ANSWER_TOOL,
    description="Give the final answer, a value and nothing else. No tool can be called after it.",
    signature=f"{ANSWER_TOOL}(answer: str) -> str",
    parameters={
        "type": "object",
        "properties": {"answer": {"type": "string", "description": "The final answer."}},
        "required": ["answer"],
    },
    writes=True,
    ends_episode=True,
)


@dataclass(frozen=True)
class ToolCall:
    """One call as a stranger makes it: arguments by name."""

    name: str
    arguments: Mapping[str, Json] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """A line of a file of calls, as ``selfchal env replay`` reads it."""
        return {"name": self.name, "kwargs": dict(self.arguments)}

    def find_fault(self) -> str:
        """Why this call cannot be written down, and so not be made; empty where it can. Python reads 1e400 as
        infinity, and NaN, which no JSON holds."""
        try:
            json.dumps(self.to_json(), allow_nan=False)
        except (ValueError, RecursionError):
            return (
                f"{self.name[:80]}(): the arguments are no JSON: a number is too large, or they are too deep"
            )
        return ""


@dataclass(frozen=True)
class Observation:
    """What an agent sees of a call, and what code would get; ``ok`` is False where it was refused or went
    wrong."""

    text: str
    ok: bool = True
    value: Json = None


def list_tools(environment: Environment) -> list[ToolSpec]:
    """The environment's tools, and the one that takes the answer where there is to be one.

    Raises PluginError for an environment that has a tool of that name.
    """
    tools = list(environment.tools)
    if any(tool.name == ANSWER_TOOL for tool in tools):
        raise PluginError(
            f"environment {environment.name!r} has a tool of its own called {ANSWER_TOOL!r}, which is how an "
            "answer is given here; rename that tool"
        )
    return [*tools, _ANSWER_SPEC] if environment.answer_required else tools


class WorldSession:
    """A fresh world, and what was done in it. Not thread-safe."""

    def __init__(self, environment: Environment, context: Mapping[str, Json]) -> None:
        """Raises EnvironmentDataError where the world cannot be opened."""
        self.world: World = environment.open(context)
        self.answer: str | None = None
        self._takes_answer = environment.answer_required

    @property
    def over(self) -> bool:
        """True once an answer was given, or a tool was called that ends the episode."""
        return self.answer is not None or self.world.ended

    def call(self, call: ToolCall) -> Observation:
        """Make one call. Never raises, whatever the arguments are."""
        if fault := call.find_fault():
            return Observation(fault, ok=False)
        if self.over:
            return Observation("This episode is over: no tool can be called any more.", ok=False)
        if self._takes_answer and call.name == ANSWER_TOOL:
            return self._take_answer(call.arguments)
        result = self.world.call(call.name, (), call.arguments)
        return Observation(self.world.show(result), result.ok, result.value)

    def _take_answer(self, arguments: Mapping[str, Json]) -> Observation:
        if arguments.keys() != {"answer"}:
            return Observation(f"call it as {_ANSWER_SPEC.signature}", ok=False)
        self.answer = write_answer(arguments["answer"])
        return Observation("The answer was taken.", value="The answer was taken.")


def write_answer(value: Json) -> str:
    """The text of an answer: a text as it is, any other value as Python writes it."""
    return value if isinstance(value, str) else repr(value)


def replay(environment: Environment, context: Mapping[str, Json], calls: Iterable[ToolCall]) -> WorldSession:
    """The session after these calls on a fresh world; those after its end have no effect."""
    session = WorldSession(environment, context)
    for call in calls:
        session.call(call)
    return session
