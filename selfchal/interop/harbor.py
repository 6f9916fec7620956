"""Harbor: a directory a task, with the container that it is played in, the oracle and the verifier.

    task-ID/
      instruction.md        the policy, what is to be done, and how tools are called
      task.toml             schema 1.4
      environment/          a Dockerfile with selfchal's light base; the commands call_tool and serve_world
      solution/solve.sh     the solution's recorded calls
      tests/test.sh         makes the agent's calls again on a fresh world and writes the reward
      tests/task.json       the task, with the recorded calls of its failure cases, which test.sh tries too

Agents act by the MCP server ``world`` or by the command ``call_tool``; both append to one file of calls, so
they act in one world. That file is all that reaches the verifier, which has a container of its own: in the
agent's, an agent that is root could replace what judges it.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent

from selfchal.core.environment import Environment
from selfchal.interop.exporting import Export, write_files
from selfchal.interop.portable import Calls, PortableTask
from selfchal.rollout.agent import describe_tool
from selfchal.serving.session import ANSWER_TOOL, list_tools

CALLS = "/logs/artifacts/calls.jsonl"
REWARD = "/logs/verifier/reward.txt"
_LONGEST_NAME = 60  # characters of an id that a directory is called by
_AGENT_SECONDS = 900.0
_VERIFIER_SECONDS = 120.0
_TASK_TOML = """schema_version = "1.4"

[task]
name = {name}
description = {description}
keywords = ["selfchal", {environment}]

[metadata]
environment = {environment}
task_id = {id}

[agent]
timeout_sec = {agent_seconds}

[verifier]
timeout_sec = {verifier_seconds}
environment_mode = "separate"

[environment]
network_mode = "public"
cpus = 1
memory_mb = 2048

[[environment.mcp_servers]]
name = "world"
transport = "stdio"
command = "serve_world"
args = []
"""
_DOCKERFILE = """FROM python:3.12-slim
RUN pip install --no-cache-dir {requirements}
COPY call_tool serve_world /usr/local/bin/
RUN chmod 755 /usr/local/bin/call_tool /usr/local/bin/serve_world
WORKDIR /app
"""
_CALL_TOOL = """#!/bin/sh
# Calls tools of this task's world: call_tool TOOL 'JSON OBJECT'; without arguments it lists them.
# With - it makes the calls of the lines that it reads: {{"name": "TOOL", "kwargs": {{...}}}}
mkdir -p "$(dirname {calls})"
exec selfchal env call {world} --calls {calls} "$@"
"""
_SERVE_WORLD = """#!/bin/sh
# This task's world as an MCP server on standard input and output.
mkdir -p "$(dirname {calls})"
exec selfchal env serve {world} --calls {calls}
"""
_SOLVE = """#!/bin/sh
# The calls of the solution, as they were recorded when the task was judged.
set -e
call_tool - <<'END_OF_CALLS'
{lines}END_OF_CALLS
"""
_TEST = """#!/bin/sh
# Makes the agent's calls again on a fresh world and runs evaluate on the outcome. First it tries the task
# itself: its solution must pass, doing nothing and every failure case must fail. Where that or the sandbox
# fails no reward is written, which Harbor counts as an error and not as a failure of the agent.
set -e
mkdir -p "$(dirname {reward})"
selfchal tasks reward "$(dirname "$0")/task.json" {calls} --out {reward}
"""
_INSTRUCTION = """{policy}# What is to be done

{instruction}
{observation}
# How to act

Only the tools below act on the world of this task. Call them by the MCP server `world`, or in a shell:

    call_tool TOOL 'ARGUMENTS AS A JSON OBJECT'

Nobody answers questions: decide by what stands here and by what the tools say. {closing}

## The tools

{tools}
"""
_CLOSINGS = {
    True: f"Give the final answer by the tool `{ANSWER_TOOL}`, a value and nothing else. It ends the task.",
    False: "What stands above is the user's yes to all that it asks for. The final state counts.",
}


def write_harbor(export: Export, directory: Path) -> None:
    """Write a directory for each task of the export."""
    for task in export.tasks:
        files = list_task_files(export.environment, export.requirements, task)
        write_files(directory / name_task(task), files)


def name_task(task: PortableTask) -> str:
    """The name of its directory: letters, digits and dashes, another one for every id."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", task.task.id).strip("-")
    if plain == task.task.id and len(plain) <= _LONGEST_NAME:
        return f"task-{plain}"
    digest = hashlib.sha256(task.task.id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"task-{plain[:_LONGEST_NAME]}-{digest[:12]}"


def list_task_files(
    environment: Environment, requirements: Sequence[str], task: PortableTask
) -> dict[str, str]:
    """The texts of all files of a task by their path in its directory."""
    world = _write_world_arguments(task)
    return {
        "instruction.md": write_instruction(environment, task),
        "task.toml": _write_toml(task),
        "environment/Dockerfile": _DOCKERFILE.format(requirements=" ".join(map(shlex.quote, requirements))),
        "environment/call_tool": _CALL_TOOL.format(world=world, calls=CALLS),
        "environment/serve_world": _SERVE_WORLD.format(world=world, calls=CALLS),
        **write_scripts(task),
        "tests/task.json": json.dumps(task.to_json(), indent=1) + "\n",
    }


def write_scripts(task: PortableTask) -> dict[str, str]:
    """The scripts that solve a task and judge it, by their path in its directory."""
    return {
        "solution/solve.sh": _SOLVE.format(lines=_write_lines(task.solution)),
        "tests/test.sh": _TEST.format(calls=CALLS, reward=REWARD),
    }


def _write_toml(task: PortableTask) -> str:
    return _TASK_TOML.format(
        name=_quote(f"selfchal/{name_task(task)}"),
        description=_quote(" ".join(task.task.instruction.split())[:200]),
        environment=_quote(str(task.environment["name"])),
        id=_quote(task.task.id),
        agent_seconds=_AGENT_SECONDS,
        verifier_seconds=_VERIFIER_SECONDS,
    )


def _quote(text: str) -> str:
    """A text in TOML, which has no halves of surrogate pairs and escapes DEL where JSON does not."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")


def _write_world_arguments(task: PortableTask) -> str:
    """What opens the task's world on a command line of ``selfchal env``."""
    options = {key: value for key, value in task.environment.items() if key != "name"}
    parts = [str(task.environment["name"])]
    for key, value in options.items():
        parts += ["--set", f"{key}={json.dumps(value)}"]
    parts += ["--context", json.dumps(task.task.context)]
    return " ".join(map(shlex.quote, parts))


def _write_lines(calls: Calls) -> str:
    """A line of JSON for each call; ASCII alone, so that no line ends the shell's here-document."""
    return "".join(json.dumps(call.to_json()) + "\n" for call in calls)


def write_instruction(environment: Environment, task: PortableTask) -> str:
    """All that an agent is told: the policy, the instruction, what is seen at first, and the tools."""
    observation = environment.initial_observation(task.task.context)
    return _INSTRUCTION.format(
        policy=f"{environment.policy.strip()}\n\n" if environment.policy.strip() else "",
        instruction=task.task.instruction.strip(),
        observation=f"\n{observation.strip()}\n" if observation.strip() else "",
        closing=_CLOSINGS[environment.answer_required],
        tools=indent("\n".join(map(describe_tool, list_tools(environment))), "    "),
    )
