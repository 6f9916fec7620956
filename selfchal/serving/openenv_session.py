"""OpenEnv's side of a session: episodes in one world after another, by reset, step and state.

An episode may be a held-out task, chosen by ``split`` and ``index`` at the reset. Its reward, 1 or 0, comes
with the step that ends it; every other reward is null. Where the environment asks for no answer, one more
tool, ``end_episode``, ends the episode. The contract is that of OpenEnv 0.10.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from selfchal.core.environment import Environment
from selfchal.core.errors import PluginError
from selfchal.core.task import TestTask
from selfchal.core.world import Json, ToolSpec
from selfchal.serving.openenv_tasks import ActionError, find_task
from selfchal.serving.session import Observation, ToolCall, WorldSession, list_tools

END_TOOL = "end_episode"
RESERVED = frozenset(["reset", "step", "state", "close"])  # OpenEnv forbids tools of these names
_END_SPEC = ToolSpec(
    name=END_TOOL,
    description="Say the last words to the user, which ends the episode. No tool can be called after it.",
    signature=f"{END_TOOL}(message: str) -> str",
    parameters={
        "type": "object",
        "properties": {"message": {"type": "string", "description": "What the user is told."}},
        "required": ["message"],
    },
    writes=True,
    ends_episode=True,
)
_MOST_NAME = 255  # characters of an episode's id


def list_openenv_tools(environment: Environment) -> list[ToolSpec]:
    """The environment's tools and the one that ends an episode. Raises PluginError for a forbidden name."""
    tools = list_tools(environment)
    for tool in tools:
        if tool.name in RESERVED or tool.name == END_TOOL:
            raise PluginError(
                f"environment {environment.name!r} has a tool called {tool.name!r}, which OpenEnv keeps for "
                "itself; rename that tool"
            )
    return tools if environment.answer_required else [*tools, _END_SPEC]


class OpenEnvSession:
    """One client's episodes. Not thread-safe.

    ``context`` is what a world is opened with where the client chooses nothing.
    """

    def __init__(self, environment: Environment, context: Mapping[str, Json]) -> None:
        """Raises EnvironmentDataError where the world cannot be opened."""
        self._environment, self._context = environment, context
        self._tools = list_openenv_tools(environment)
        self._last_words: str | None = None
        self._open(context, None, None)

    @property
    def tools(self) -> list[Json]:
        """As the contract lists them. That a tool only reads is said as MCP says it; OpenEnv's clients leave
        that aside, and ours read it."""
        return [
            {
                "name": tool.name,
                "description": tool.description,
                "input_schema": dict(tool.parameters),
                "annotations": {"readOnlyHint": tool.only_reads},
            }
            for tool in self._tools
        ]

    @property
    def state(self) -> dict[str, Json]:
        return {"episode_id": self._episode, "step_count": self._steps, "task": self._task and self._task.id}

    @property
    def over(self) -> bool:
        return self._last_words is not None or self._session.over

    def reset(self, data: Mapping[str, Json]) -> dict[str, Json]:
        """A fresh episode. ``split`` and ``index`` choose a held-out task, ``seed`` the context that a
        challenger would explore from; other keys are left aside, as OpenEnv does. Raises ActionError."""
        episode = data.get("episode_id")
        if episode is not None and not (isinstance(episode, str) and len(episode) <= _MOST_NAME):
            raise ActionError(f"episode_id is a text of at most {_MOST_NAME} characters")
        task = self._choose_task(data)
        context = self._choose_context(data) if task is None else task.context
        self._open(context, task, episode)
        seen: dict[str, Json] = {
            "text": self._environment.initial_observation(context),
            "instruction": task.instruction if task else None,
            "metadata": {},
        }
        return {"observation": seen, "reward": None, "done": False}

    def step(self, action: Mapping[str, Json]) -> dict[str, Json]:
        """The observation of an action. Raises ActionError for what is none."""
        kind = action.get("type")
        if kind == "list_tools":
            return {"observation": {"tools": self.tools, "metadata": {}}, "reward": None, "done": self.over}
        name, arguments = action.get("tool_name"), action.get("arguments", {})
        if kind != "call_tool" or not isinstance(name, str) or not isinstance(arguments, dict):
            raise ActionError(
                'an action is {"type": "list_tools"} or '
                '{"type": "call_tool", "tool_name": "…", "arguments": {…}}'
            )
        was_over = self.over
        result, error = self.call(name, arguments)
        return {
            "observation": {"tool_name": name, "result": result, "error": error, "metadata": {}},
            "reward": self._grade() if self.over and not was_over else None,
            "done": self.over,
        }

    def call(self, name: str, arguments: Mapping[str, Json]) -> tuple[Json, Json]:
        """The result of a tool as OpenEnv writes it, or its error; the other of the two is None."""
        self._steps += 1
        if all(tool.name != name for tool in self._tools):
            known = ", ".join(tool.name for tool in self._tools)
            return None, {
                "error_type": "tool_not_found",
                "message": f"there is no tool {name!r:.80}; {known}",
            }
        seen = self._end(arguments) if name == END_TOOL else self._call_world(name, arguments)
        if not seen.ok:
            return None, {"error_type": "execution_error", "message": seen.text}
        return {
            "content": [{"type": "text", "text": seen.text}],
            "structured_content": {"result": seen.value},
            "meta": None,
            "data": seen.value,
            "is_error": False,
        }, None

    def _call_world(self, name: str, arguments: Mapping[str, Json]) -> Observation:
        if self._last_words is not None:
            return Observation("This episode is over: no tool can be called any more.", ok=False)
        return self._session.call(ToolCall(name, arguments))

    def _end(self, arguments: Mapping[str, Json]) -> Observation:
        message = arguments.get("message")
        if self.over or arguments.keys() != {"message"} or not isinstance(message, str):
            return Observation(f"call it once, as {_END_SPEC.signature}", ok=False)
        self._last_words = message
        return Observation("The episode is over.", value="The episode is over.")

    def _grade(self) -> float | None:
        """The reward of a task, at the end of its episode; None where there is no task."""
        if self._task is None:
            return None
        replies = [self._last_words] if self._last_words is not None else []
        return float(self._environment.grade(self._task, self._session.world, self._session.answer, replies))

    def _open(self, context: Mapping[str, Json], task: TestTask | None, episode: str | None) -> None:
        self._session = WorldSession(self._environment, context)
        self._task = task
        self._episode = episode or str(uuid.uuid4())
        self._steps = 0
        self._last_words = None

    def _choose_context(self, data: Mapping[str, Json]) -> Mapping[str, Json]:
        seed = data.get("seed")
        if seed is None:
            return self._context
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ActionError("seed is a whole number from 0 on")
        return self._environment.exploration_context(seed)

    def _choose_task(self, data: Mapping[str, Json]) -> TestTask | None:
        split, index = data.get("split"), data.get("index")
        if split is None and index is None:
            return None
        return find_task(self._environment, split, index)
