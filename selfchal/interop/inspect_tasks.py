"""Inspect: a module with one task, whose samples are the exported tasks and whose scorer is the replay.

tasks.py       the task: data set, tools in a world of their own for each sample, scorer
tasks.jsonl    the tasks with their recorded calls
samples.json   what is told of each
README.md      how to run it
"""

from __future__ import annotations

import json
from pathlib import Path

import selfchal
from selfchal.interop.exporting import Export, write_files
from selfchal.interop.messages import write_messages, write_tool_schemas

_MODULE = '''"""{count} tasks on {name} for Inspect. Written by selfchal {version}."""

import asyncio
import json
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser
from inspect_ai.scorer import CORRECT, INCORRECT, Score, accuracy, scorer, stderr
from inspect_ai.solver import generate, solver
from inspect_ai.tool import ToolDef, ToolParams
from selfchal.interop.playing import EpisodePlayer, read_tasks, reward_calls
from selfchal.serving.session import ToolCall

FOLDER = Path(__file__).parent
DATA = json.loads((FOLDER / "samples.json").read_text(encoding="utf-8"))


@task
def {task}() -> Task:
    """Every task of tasks.jsonl."""
    samples = MemoryDataset(list_samples())
    return Task(dataset=samples, setup=open_world(), solver=generate(), scorer=replayed())


def list_samples() -> list[Sample]:
    return [
        Sample(
            id=row["id"],
            input=[ChatMessageSystem(content=row["system"]), ChatMessageUser(content=row["user"])],
        )
        for row in DATA["samples"]
    ]


@solver
def open_world():
    """A fresh world for the sample, and the tools that act upon it."""

    async def solve(state, generate):
        player = EpisodePlayer()
        player.reset(read_tasks(FOLDER / "tasks.jsonl")[str(state.sample_id)])
        state.tools = [make_tool(player, tool["function"]) for tool in DATA["tools"]]
        return state

    return solve


def make_tool(player: EpisodePlayer, tool: dict):
    async def execute(**arguments) -> str:
        return await asyncio.to_thread(player.call, tool["name"], arguments)

    parameters = ToolParams(**tool["parameters"])
    return ToolDef(execute, tool["name"], tool["description"], parameters, parallel=False).as_tool()


@scorer(metrics=[accuracy(), stderr()])
def replayed():
    """The calls that the model made are made again on a fresh world; a sandbox that fails is an error."""

    async def score(state, target):
        said = [message for message in state.messages if isinstance(message, ChatMessageAssistant)]
        made = [call for message in said for call in message.tool_calls or []]
        calls = [ToolCall(call.function, call.arguments) for call in made]
        known = read_tasks(FOLDER / "tasks.jsonl")[str(state.sample_id)]
        reward = await asyncio.to_thread(reward_calls, known, calls)
        return Score(value=CORRECT if reward == 1.0 else INCORRECT)

    return score
'''
_README = """# {count} tasks on {name}, for Inspect

```
pip install inspect-ai {requirements}
inspect eval tasks.py --model PROVIDER/MODEL
```
"""


def write_inspect(export: Export, directory: Path) -> None:
    """Write the module, the tasks and how to run them."""
    names = {
        "name": export.environment.name,
        "task": export.module,
        "count": len(export.tasks),
        "version": selfchal.__version__,
        "requirements": " ".join(export.requirements),
    }
    samples = []
    for task in export.tasks:
        system, user = write_messages(export.environment, task)
        samples.append({"id": task.task.id, "system": system["content"], "user": user["content"]})
    data = {"samples": samples, "tools": write_tool_schemas(export.environment)}
    files = {
        "tasks.py": _MODULE.format(**names),
        "README.md": _README.format(**names),
        "samples.json": json.dumps(data),
        "tasks.jsonl": "".join(json.dumps(task.to_json()) + "\n" for task in export.tasks),
    }
    write_files(directory, files)
