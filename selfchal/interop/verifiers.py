"""verifiers 0.4: a package with one Taskset, its tools as a tool server, and the reward by replay.

    pyproject.toml, README.md
    MODULE/__init__.py      exports the Taskset
    MODULE/taskset.py       its data, its task with the reward and ``validate``
    MODULE/servers/tool.py  the tools, a server of its own for each rollout
    MODULE/tasks.jsonl      the tasks

The reward makes the tool calls of the trace again on a fresh world. ``vf-validate`` asks for both of its
checks: gold makes the solution's calls and those of every failure case, no-op makes none.
"""

from __future__ import annotations

import json
from pathlib import Path

import selfchal
from selfchal.interop.exporting import Export, write_files
from selfchal.interop.messages import write_messages
from selfchal.interop.python_source import DROP_MISSING, write_methods
from selfchal.serving.session import list_tools

# Names of verifiers' own Toolset.
_RESERVED = frozenset(
    ["config", "register", "run", "server_name", "setup", "setup_task", "state", "teardown", "TOOL_PREFIX"]
)
_PYPROJECT = """[project]
name = "{module}"
version = "0.1.0"
description = "{count} tasks on {name}, each proven by running code"
requires-python = ">=3.11"
dependencies = [{requirements}]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["{module}"]
"""
_INIT = '''"""{count} tasks on {name}. Written by selfchal {version}."""

from {module}.taskset import {cls}Taskset

__all__ = ["{cls}Taskset"]
'''
_TASKSET = '''"""The tasks, and their reward: the tool calls of a trace are made again on a fresh world."""

import asyncio
import json
from pathlib import Path

import verifiers.v1 as vf
from selfchal.interop.playing import find_fault, parse_arguments, read_tasks, reward_calls
from selfchal.interop.portable import PortableTask
from selfchal.serving.session import ToolCall

from {module}.servers.tool import {cls}Tools

FOLDER = Path(__file__).parent


class {cls}Data(vf.TaskData):
    """What is told of a task; its solution and its evaluate stay in tasks.jsonl."""


class {cls}TaskConfig(vf.TaskConfig):
    """Options of a task."""

    tools: vf.ToolsetConfig = vf.ToolsetConfig()


class {cls}Task(vf.Task[{cls}Data, vf.State, {cls}TaskConfig]):
    """One task: its tools, its reward, and the check of both."""

    @classmethod
    def toolsets(cls, config: {cls}TaskConfig) -> list[vf.Toolset]:
        return [{cls}Tools(config.tools)]

    @vf.reward(weight=1.0)
    async def solved(self, trace: vf.Trace) -> float:
        """1 where the task is solved, else 0; a sandbox that fails is an error and no reward."""
        made = [call for message in trace.assistant_messages for call in message.tool_calls or []]
        calls = [
            ToolCall(call.name, arguments)
            for call in made
            if (arguments := parse_arguments(call.arguments)) is not None
        ]
        return await asyncio.to_thread(reward_calls, self._find(), calls)

    async def validate(self, runtime: vf.Runtime) -> bool:
        """The solution solves the task, doing nothing and every failure case do not."""
        return not await asyncio.to_thread(find_fault, self._find())

    def _find(self) -> PortableTask:
        return read_tasks(FOLDER / "tasks.jsonl")[self.data.id]


class {cls}Taskset(vf.Taskset[{cls}Task, vf.TasksetConfig]):
    """All tasks of tasks.jsonl."""

    def load(self) -> list[{cls}Task]:
        rows = json.loads((FOLDER / "prompts.json").read_text(encoding="utf-8"))
        config = {cls}TaskConfig()
        return [{cls}Task({cls}Data(**row), config) for row in rows]
'''
_TOOL = '''"""The tools of {name}: a server of its own for each rollout, in a world of its own."""

from pathlib import Path
from typing import Any, Literal

import verifiers.v1 as vf
from selfchal.interop.playing import EpisodePlayer, read_tasks


class {cls}Tools(vf.Toolset[vf.ToolsetConfig]):
    """Each method is a tool."""

    TOOL_PREFIX = None

    def __init__(self, config: vf.ToolsetConfig) -> None:
        super().__init__(config)
        self._player = EpisodePlayer()

    async def setup_task(self, task: vf.TaskData) -> None:
        """Open a fresh world for the task of this rollout."""
        self._player.reset(read_tasks(Path(__file__).parents[1] / "tasks.jsonl")[task.id])

{methods}

{drop_missing}

if __name__ == "__main__":
    {cls}Tools.run()
'''
_README = """# {count} tasks on {name}, for verifiers

```
pip install .
vf-validate {module} --runtime.type subprocess --no-rich -o out
vf-eval {module} -m MODEL
```
"""


def write_verifiers(export: Export, directory: Path) -> None:
    """Write the package. Its module is called after the environment and the run."""
    write_files(directory, list_package_files(export))


def list_package_files(export: Export, version: str = selfchal.__version__) -> dict[str, str]:
    """The texts of all files of the package by their path in it. ``version`` is that of the selfchal that
    wrote it."""
    names = {
        "name": export.environment.name,
        "module": export.module,
        "cls": export.class_name,
        "count": len(export.tasks),
        "version": version,
        "requirements": ", ".join(json.dumps(one) for one in ["verifiers>=0.4,<0.5", *export.requirements]),
        "methods": write_methods(list_tools(export.environment), _RESERVED, "@vf.tool\n"),
        "drop_missing": DROP_MISSING,
    }
    module = export.module
    templates = {
        "pyproject.toml": _PYPROJECT,
        "README.md": _README,
        f"{module}/__init__.py": _INIT,
        f"{module}/taskset.py": _TASKSET,
        f"{module}/servers/__init__.py": "",
        f"{module}/servers/tool.py": _TOOL,
    }
    return {
        **{name: template.format(**names) for name, template in templates.items()},
        f"{module}/tasks.jsonl": "".join(json.dumps(task.to_json()) + "\n" for task in export.tasks),
        f"{module}/prompts.json": json.dumps(_list_prompts(export)),
    }


def _list_prompts(export: Export) -> list[dict[str, str]]:
    """What each task tells an agent."""
    rows = []
    for task in export.tasks:
        system, user = write_messages(export.environment, task)
        rows.append(
            {
                "id": task.task.id,
                "name": task.task.id,
                "system_prompt": system["content"],
                "prompt": user["content"],
            }
        )
    return rows
