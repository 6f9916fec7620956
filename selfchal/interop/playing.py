"""Exported tasks played in this process, call by call: for trainers that are written in Python."""

from __future__ import annotations

import atexit
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from selfchal.api.opening import open_environment, open_part
from selfchal.core.episode import Reward
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.world import Json
from selfchal.interop.portable import PortableTask, Replayer, make_replayer
from selfchal.serving.session import ToolCall, WorldSession
from selfchal.text_files import read_text_file


class EpisodePlayer:
    """One episode after another, of one exported task each. Not thread-safe; several may play at once."""

    def __init__(self) -> None:
        self._played: tuple[PortableTask, Replayer, WorldSession] | None = None
        self._calls: list[ToolCall] = []

    def reset(self, task: PortableTask) -> None:
        """Open a fresh world for the task. Raises what ``selfchal.open_environment`` raises."""
        replayer = open_replayer(task)
        session = WorldSession(replayer.environment, task.task.context)
        self._played, self._calls = (task, replayer, session), []

    def call(self, name: str, arguments: Mapping[str, Json]) -> str:
        """What an agent sees of this call. Nothing an agent gives raises."""
        assert self._played is not None, "reset comes first"
        call = ToolCall(name, arguments)
        self._calls.append(call)
        return self._played[2].call(call).text

    def reward(self) -> Reward:
        """The reward of the calls since ``reset``, made again on a fresh world; its value is None where the
        sandbox failed."""
        assert self._played is not None, "reset comes first"
        task, replayer, _ = self._played
        return replayer.reward(task.task, self._calls)


def reward_calls(task: PortableTask, calls: Sequence[ToolCall]) -> float:
    """The reward of these calls. Raises SandboxError where the sandbox failed."""
    reward = open_replayer(task).reward_surely(task.task, calls)
    assert reward.value is not None
    return reward.value


def find_fault(task: PortableTask) -> str:
    """What the task's own calls give that they must not, as ``Replayer.find_fault``."""
    return open_replayer(task).find_fault(task)


def parse_arguments(text: str) -> dict[str, Json] | None:
    """The arguments of a call as a model wrote them; None where they are no JSON object."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


@cache
def read_tasks(path: Path) -> Mapping[str, PortableTask]:
    """The exported tasks of a JSONL file by their id. Raises ReplayError."""
    lines = read_text_file(path).splitlines()
    tasks = [PortableTask.from_json(json.loads(line)) for line in lines]
    return {task.task.id: task for task in tasks}


def open_replayer(task: PortableTask) -> Replayer:
    """What rewards this task's episodes; tasks of one environment share it."""
    return _open_replayer(json.dumps(dict(task.environment)), task.limits)


@cache
def _open_replayer(section: str, limits: Limits) -> Replayer:
    """The section is JSON. The environment's tables are loaded once."""
    return make_replayer(open_environment(json.loads(section)), _open_sandbox(), limits)


@cache
def _open_sandbox() -> Sandbox:
    sandbox: Sandbox = open_part("sandbox", "process", {})
    atexit.register(sandbox.close)
    return sandbox
