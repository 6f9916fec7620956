"""The environment over another program's contract, whatever that is: worlds, held-out tasks and rewards."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from selfchal.builtin_envs.mcp.connection import ListedTool
from selfchal.builtin_envs.mcp.recorded import Recorded
from selfchal.builtin_envs.mcp.schemas import OfferedTool, choose_name, offer
from selfchal.builtin_envs.mcp.server import Server
from selfchal.builtin_envs.mcp.snapshot import canonical
from selfchal.builtin_envs.remote.contract import GRADE, RESET, RemoteTask
from selfchal.builtin_envs.remote.world import RemoteWorld
from selfchal.core.environment import Chat, User
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.task import TestTask
from selfchal.core.world import Json, ToolSpec

_MOST_STARTS = 256  # contexts whose start is remembered
UNSEEN = "its contract shows no state"
_NEED_STATE = ("strength", "completeness")  # checks that compare final states, or read what changed


class RemoteConfig(BaseModel):
    """What every kind of them takes."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    reads: tuple[str, ...] = Field(
        (), description="tools that only read though nothing says so; every other one counts as writing"
    )
    hide: tuple[str, ...] = Field((), description="tools that are not offered")
    policy: str = Field("", description="what every agent is told about its work here")
    timeout: float = Field(60.0, gt=0, le=86_400, description="seconds that an answer may take")


class RemoteEnvironment:
    """See selfchal.core.environment.Environment. Subclasses say how the other program is reached."""

    answer_required = True
    repeats: ClassVar[bool] = True  # whether its tools must answer the same call alike

    @classmethod
    def asks_model(cls, config: Any) -> bool:
        return False

    def _prepare(
        self,
        config: RemoteConfig,
        server: Server,
        tasks: Mapping[str, Sequence[RemoteTask]],
        policy: str,
        seen: bool,
    ) -> None:
        """``policy`` is what the other side says to every agent; ``seen``: its state can be seen.

        Raises EnvironmentDataError for a tool that is not there.
        """
        self._server, self._policy, self._seen = server, config.policy or policy, seen
        self._told = {task.instruction for rows in tasks.values() for task in rows}
        self._tasks = {split: [task.as_test_task() for task in rows] for split, rows in tasks.items()}
        self._starts: OrderedDict[str, Recorded] = OrderedDict()
        self._tools = _offer_tools(config, server.tools, self.hidden_tools)
        self._notes = [f"{name} is left out: hide names it" for name in config.hide]

    @property
    def hidden_tools(self) -> tuple[str, ...]:
        """Tools that grade and are none for agents."""
        return ()

    @property
    def last_call(self) -> str | None:
        """The call that says what an episode is worth; None where its own calls have said it."""
        return GRADE

    def close(self) -> None:
        """End the session, and the program if it is on this machine."""
        self._server.close()

    @property
    def unchecked(self) -> Mapping[str, str]:
        return {} if self._seen else dict.fromkeys(_NEED_STATE, UNSEEN)

    @property
    def notes(self) -> Sequence[str]:
        """What cannot be had here, and what is left out."""
        notes = [*self._notes]
        if any(self._tasks.values()):
            notes.append("the solutions of its held-out tasks are not told, so its oracle solves none")
        if self._seen:
            return notes
        return (
            f"the state of {self._server.name} cannot be seen, so two worlds count as alike where the same "
            f"writing calls were made, and the judge leaves out: {', '.join(_NEED_STATE)}",
            *notes,
        )

    @property
    def tools(self) -> Sequence[ToolSpec]:
        return [tool.spec for tool in self._tools.values()]

    @property
    def policy(self) -> str:
        return self._policy

    def open(self, context: Mapping[str, Json]) -> RemoteWorld:
        """A world in which this episode has begun. Raises EnvironmentDataError where it does not begin."""
        return RemoteWorld(self._server, self._tools, self._find_start(context).after, self.repeats)

    def initial_observation(self, context: Mapping[str, Json]) -> str:
        """What the reset showed, without the task's own instruction, which the agent gets anyway."""
        seen = self._find_start(context).answer.value
        if isinstance(seen, dict):
            seen = {name: value for name, value in seen.items() if value and not self._is_told(value)}
            if not seen or list(seen) == ["text"]:
                return str(seen.get("text", ""))
        return seen if isinstance(seen, str) else canonical(seen)

    def exploration_context(self, seed: int) -> dict[str, Json]:
        return {"seed": seed}

    def redact(self, instruction: str, context: Mapping[str, Json]) -> str:
        return instruction

    def splits(self) -> Sequence[str]:
        return list(self._tasks)

    def test_tasks(self, split: str) -> Sequence[TestTask]:
        return self._tasks.get(split, [])

    def grade(self, task: TestTask, world: RemoteWorld, answer: str | None, replies: Sequence[str]) -> bool:
        """Raises SandboxError where the other program fails to say it."""
        return world.earn(self._make_last_call(answer)) >= 1

    def oracle(self, task: TestTask) -> Sequence[str]:
        """Nobody here knows the solution: it stays on the other side."""
        return ["Answer: unknown"]

    def user(self, instruction: str, context: Mapping[str, Json], chat: Chat | None) -> User | None:
        return None

    def _make_last_call(self, answer: str | None) -> tuple[str, Mapping[str, Json]] | None:
        return None if self.last_call is None else (self.last_call, {"answer": answer})

    def _is_told(self, value: Json) -> bool:
        return isinstance(value, str) and value in self._told

    def _find_start(self, context: Mapping[str, Json]) -> Recorded:
        key = canonical(dict(context))
        if key not in self._starts:
            recorded = self._server.make(self._server.start, RESET, dict(context))
            if not recorded.answer.ok:
                raise EnvironmentDataError(
                    f"{self._server.name} begins no episode with {key:.200}: {recorded.answer.value}"
                )
            self._starts[key] = recorded
            if len(self._starts) > _MOST_STARTS:
                self._starts.popitem(last=False)
        return self._starts[key]


def _offer_tools(
    config: RemoteConfig, listed: Sequence[ListedTool], hidden: Sequence[str]
) -> dict[str, OfferedTool]:
    """The tools by the names that agents use. Raises EnvironmentDataError."""
    known = [tool.name for tool in listed]
    for section, names in (("hide", config.hide), ("reads", config.reads)):
        for name in names:
            if name not in known:
                raise EnvironmentDataError(
                    f"{section}: there is no tool {name!r}; there are {', '.join(known)}"
                )
    tools = dict[str, OfferedTool]()
    for tool in listed:
        if tool.name not in config.hide and tool.name not in hidden:
            name = choose_name(tool.name, "remote", list(tools))
            reads = tool.only_reads is True or tool.name in config.reads
            tools[name] = offer(tool, "remote", name, {}, writes=not reads)
    if not tools:
        raise EnvironmentDataError("no tool is left to offer")
    return tools
