"""Plays a verifiers package: verifiers_tasks.py MODULE MOST_TASKS [FOLDER].

Run by a Python that has verifiers 0.4 and the package. Requests and answers are lines of JSON on standard
input and output: open, reset, call and grade. What the package prints goes to standard error. A reset makes
the task's toolsets anew; a grade scores a trace of the calls that were made since.
"""

import asyncio
import importlib
import inspect
import itertools
import json
import os
import sys
from typing import Any


class CannotPlayError(Exception):
    """The package needs what is not had here; the text says what."""


class Package:
    """One taskset, and the episode that is being played."""

    def __init__(self, module: str, most: int) -> None:
        import verifiers.v1 as vf

        exported = importlib.import_module(module)
        found = [getattr(exported, name) for name in getattr(exported, "__all__", ())]
        tasksets = [one for one in found if isinstance(one, type) and issubclass(one, vf.Taskset)]
        if len(tasksets) != 1:
            raise CannotPlayError(f"{module} exports {len(tasksets)} Tasksets in __all__, and one is needed")
        self.taskset = tasksets[0](find_config(tasksets[0], vf.TasksetConfig)())
        self.tasks = list(itertools.islice(iter(self.taskset), most))
        if not self.tasks:
            raise CannotPlayError(f"{module} has no tasks")
        check_playable(self.tasks[0], vf)
        self.toolsets: list[Any] = []
        self.server: Any = None  # the tools of this episode

    async def open(self, request: dict[str, Any]) -> dict[str, Any]:
        await self.reset({"index": 0})
        listed = await self.server.list_tools()
        tools = [
            {
                "name": self.names[tool.name],
                "description": tool.description or "",
                "input_schema": tool.input_schema,
            }
            for tool in listed
        ]
        tasks = [
            {
                "id": task.data.id or task.data.name or str(i),
                "instruction": task.data.prompt_text,
            }
            for i, task in enumerate(self.tasks)
        ]
        return {"tools": tools, "tasks": tasks, "policy": self.tasks[0].data.system_prompt}

    async def reset(self, request: dict[str, Any]) -> dict[str, Any]:
        """A fresh episode of the task with this index; a seed chooses one too."""
        from mcp.server.mcpserver import MCPServer
        from verifiers.v1.state import state_cls

        for toolset in self.toolsets:
            await toolset._exit_stack.aclose()
        number = request.get("index", request.get("seed", 0) % len(self.tasks))
        self.task = self.tasks[number]
        self.state = state_cls(type(self.task))()
        config = self.taskset.config
        self.toolsets = [*type(self.taskset).toolsets(config), *self.task.toolsets(self.task.config)]
        self.server, self.names = MCPServer("tasks"), dict[str, str]()
        self.made: list[tuple[str, dict[str, Any], str]] = []
        for toolset in self.toolsets:
            # The rollout's channel to the state is HTTP; here toolsets and trace share the object itself.
            toolset._inert_state = self.state
            toolset._with_state = lambda tool: tool
            await toolset.setup()
            await toolset.setup_task(self.task.data)
            known = {tool.name for tool in await self.server.list_tools()}
            toolset.register(self.server)
            prefix = f"{toolset.server_name}_" if toolset.server_name else ""
            for tool in await self.server.list_tools():
                if tool.name not in known:
                    self.names[tool.name] = prefix + tool.name
        return {"value": ""}

    async def call(self, request: dict[str, Any]) -> dict[str, Any]:
        own = {shown: name for name, shown in self.names.items()}[request["tool"]]
        try:
            result = await self.server.call_tool(own, request["arguments"])
        except Exception as error:  # noqa: BLE001 — a stranger's tool may raise anything
            result = {"content": [{"type": "text", "text": str(error)}], "isError": True}
        else:
            result = result.model_dump(mode="json", by_alias=True)
        text = "\n".join(block.get("text", "") for block in result["content"])
        self.made.append((request["tool"], request["arguments"], text))
        return {"result": result}

    async def grade(self, request: dict[str, Any]) -> dict[str, Any]:
        trace = self.write_trace(request.get("answer") or "")
        await self.task.score(trace)
        missing = [name for name, reward in trace.rewards.items() if reward is None]
        if missing:
            return {"value": f"no reward: {', '.join(missing)}", "ok": False}
        return {"value": "", "reward": float(trace.reward)}

    def write_trace(self, answer: str) -> Any:
        """The episode as verifiers records it, a turn for each call and one for the answer."""
        from verifiers.v1.graph import MessageNode
        from verifiers.v1.trace import Trace, TraceTask
        from verifiers.v1.types import AssistantMessage, SystemMessage, ToolCall, ToolMessage, UserMessage

        data = self.task.data
        messages: list[Any] = [SystemMessage(content=data.system_prompt)] if data.system_prompt else []
        messages += [UserMessage(content=data.prompt)] if isinstance(data.prompt, str) else data.prompt or []
        known = len(messages)
        for i, (tool, arguments, text) in enumerate(self.made):
            call = ToolCall(id=f"call-{i}", name=tool, arguments=json.dumps(arguments))
            messages += [AssistantMessage(tool_calls=[call]), ToolMessage(tool_call_id=call.id, content=text)]
        messages.append(AssistantMessage(content=answer))
        nodes = [
            MessageNode(
                message=message,
                parent=i - 1 if i else None,
                sampled=i >= known and isinstance(message, AssistantMessage),
            )
            for i, message in enumerate(messages)
        ]
        told = TraceTask(type=type(self.task).__name__, data=data)
        return Trace.model_construct(
            task=told, nodes=nodes, rewards={}, metrics={}, info={}, errors=[], calls=[], state=self.state
        )


def find_config(cls: Any, default: Any) -> Any:
    from verifiers.v1.utils.generic import concrete_type

    return concrete_type(cls, default) or default


def check_playable(task: Any, vf: Any) -> None:
    """Raise CannotPlayError where the tasks need a box, a model, or code that runs in a box."""
    if task.NEEDS_CONTAINER or task.data.image:
        raise CannotPlayError("its tasks need a container, which an episode has not here")
    for hook in ("setup", "finalize"):
        if getattr(type(task), hook) is not getattr(vf.Task, hook):
            raise CannotPlayError(f"its task prepares a runtime ({hook}), which an episode has not here")
    if task.config.judges:
        raise CannotPlayError("its reward asks a model (judges), and none is asked here")
    rewards = task.hooks("reward")
    if not rewards:
        raise CannotPlayError("its task has no reward")
    for reward in rewards:
        parameter = inspect.signature(reward).parameters.get("runtime")
        if parameter is not None and parameter.default is inspect.Parameter.empty:
            raise CannotPlayError(
                f"its reward {reward.__name__} looks into a runtime, which an episode has not here"
            )


async def serve(module: str, most: int, answers: int) -> None:
    package: Package | None = None
    # in a thread, so that what a toolset has begun goes on while nobody asks
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        try:
            package = package or Package(module, most)
            answer = await getattr(package, request["do"])(request)
        except Exception as error:  # noqa: BLE001 — a stranger's package may raise anything
            kind = "" if isinstance(error, CannotPlayError) else f"{type(error).__name__}: "
            answer = {"value": f"{kind}{error}", "ok": False}
        os.write(answers, json.dumps(answer, default=str).encode() + b"\n")


if __name__ == "__main__":
    answers = os.dup(1)
    os.dup2(2, 1)  # what the package prints, and its subprocesses, goes to standard error
    sys.path[:0] = sys.argv[3:]
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), answers))
