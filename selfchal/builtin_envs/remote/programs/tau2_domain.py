"""Plays a domain of tau2-bench: tau2_domain.py DOMAIN MOST_TASKS [FILE].

Run by a Python that has tau2. Requests and answers are lines of JSON on standard input and output: open,
reset, call, state and grade. FILE holds tasks that take the place of the domain's own.

The agent plays alone, as in tau2's own solo mode: it has the tools of the user too, and what the task tells
the user is its instruction. What the reward is, tau2's own evaluator says, by making the calls again.
"""

import importlib
import inspect
import json
import os
import sys
from typing import Any

MOST_SHOWN = 200_000  # characters of the state; of a larger one its hashes alone are shown
STATE = "::state"  # shows the state, and is no tool for agents
OPINION = "NL_ASSERTION"  # the part of a reward that a model gives


class Domain:
    """The domain, and the episode that is being played."""

    def __init__(self, name: str, most: int, file: str | None) -> None:
        self.name = name
        registry = importlib.import_module("tau2.registry").registry
        self.constructor = registry.get_env_constructor(name)
        known = read_rows(file) if file else registry.get_tasks_loader(name)()
        model = importlib.import_module("tau2.data_model.tasks").Task
        self.tasks = [read_task(model, task) for task in known[:most]]
        self.solo = self.find_solo()
        self.messages: list[Any] = []
        self.environment: Any = None
        self.task: Any = None

    def find_solo(self) -> bool:
        """Can an agent have the user's tools too? Domains without such tools refuse it."""
        if "solo_mode" not in inspect.signature(self.constructor).parameters:
            return False
        try:
            return bool(self.constructor(solo_mode=True).get_user_tools())
        except (TypeError, ValueError):
            return False

    def open(self, request: dict[str, Any]) -> dict[str, Any]:
        self.environment = self.make()
        kits = [self.environment.tools, *([self.environment.user_tools] if self.solo else [])]
        tools = [
            {
                "name": tool.name,
                "description": f"{tool.short_desc}\n{tool.long_desc}".strip(),
                "input_schema": tool.params.model_json_schema(),
                "reads": kit.tool_type(tool.name).value == "read",
            }
            for kit in kits
            for tool in kit.get_tools().values()
        ]
        tools.append({"name": STATE, "description": "", "input_schema": {}, "reads": True})
        tasks = [self.describe(i, task) for i, task in enumerate(self.tasks)]
        return {"tools": tools, "tasks": tasks, "policy": self.environment.get_policy(), "solo": self.solo}

    def describe(self, index: int, task: Any) -> dict[str, Any]:
        if isinstance(task, str):
            return {"id": str(index), "instruction": "", "unjudged": task}
        told = (self.solo and getattr(task, "ticket", None)) or str(task.user_scenario)
        return {"id": task.id, "instruction": told, "unjudged": find_opinion(task)}

    def make(self) -> Any:
        return self.constructor(solo_mode=True) if self.solo else self.constructor()

    def reset(self, request: dict[str, Any]) -> dict[str, Any]:
        """A fresh episode of the task with this index; a seed chooses one too."""
        self.environment, self.messages, self.task = self.make(), [], None
        number = request.get("index", request.get("seed", 0) % max(1, len(self.tasks)))
        if self.tasks:
            if isinstance(self.tasks[number], str):
                return {"value": self.tasks[number], "ok": False}
            self.task = self.tasks[number]
            start = self.task.initial_state
            if start is not None:
                self.messages = list(start.message_history or [])
                self.environment.set_state(
                    start.initialization_data, start.initialization_actions, self.messages
                )
        return {"value": ""}

    def call(self, request: dict[str, Any]) -> dict[str, Any]:
        from tau2.data_model.message import AssistantMessage, ToolCall

        number = str(len(self.messages))
        call = ToolCall(id=number, name=request["tool"], arguments=request["arguments"])
        answer = self.environment.get_response(call)
        self.messages += [AssistantMessage(role="assistant", tool_calls=[call]), answer]
        try:
            value = json.loads(answer.content)
        except ValueError:
            value = answer.content
        return {"value": value, "ok": not answer.error}

    def state(self, request: dict[str, Any]) -> dict[str, Any]:
        """Both databases, or their hashes where they are large."""
        kits = {"agent": self.environment.tools, "user": self.environment.user_tools}
        shown = {name: kit.db.model_dump(mode="json") for name, kit in kits.items() if kit and kit.db}
        if len(json.dumps(shown)) > MOST_SHOWN:
            shown = {"agent": self.environment.get_db_hash(), "user": self.environment.get_user_db_hash()}
        return {"value": shown}

    def grade(self, request: dict[str, Any]) -> dict[str, Any]:
        """Without a model's opinion, where that counts too: tasks with one are not held out."""
        from tau2.data_model.message import AssistantMessage

        if self.task is None:
            return {"value": "it is no task's episode", "ok": False}
        said = AssistantMessage(role="assistant", content=request.get("answer") or "Done.")
        return {"value": "", "reward": self.rate([*self.messages, said])}

    def rate(self, messages: list[Any]) -> float:
        """The product of those parts that the task's reward rests on, as tau2 makes it."""
        from tau2.evaluator.evaluator_action import ActionEvaluator
        from tau2.evaluator.evaluator_communicate import CommunicateEvaluator
        from tau2.evaluator.evaluator_env import EnvironmentEvaluator

        task, reward = self.task, 1.0
        if task.evaluation_criteria is None:
            return reward  # as tau2 says
        basis = {str(part.value) for part in task.evaluation_criteria.reward_basis}
        if basis & {"DB", "ENV_ASSERTION"}:
            reward *= EnvironmentEvaluator.calculate_reward(
                self.constructor, task, messages, solo_mode=self.solo
            ).reward
        for part, evaluator in (("ACTION", ActionEvaluator), ("COMMUNICATE", CommunicateEvaluator)):
            if part in basis:
                reward *= evaluator.calculate_reward(task, messages).reward
        return float(reward)


def read_rows(file: str) -> list[Any]:
    with open(file, "rb") as opened:
        rows = json.load(opened)
    if not isinstance(rows, list):
        raise TypeError(f"{file} is no list of tasks")
    return rows


def read_task(model: Any, row: Any) -> Any:
    """The task; why it is none, where a row of a stranger's file is wrong."""
    try:
        return model.model_validate(row)
    except ValueError as error:
        return f"it is no task of tau2: {error}"


def find_opinion(task: Any) -> str:
    """What of the reward cannot be had without a model; empty where all of it can."""
    criteria = task.evaluation_criteria
    if criteria is None:
        return ""
    basis = {str(part.value) for part in criteria.reward_basis}
    return "a model's opinion is part of its reward" if OPINION in basis and criteria.nl_assertions else ""


def serve(name: str, most: int, file: str | None, answers: int) -> None:
    domain: Domain | None = None
    while line := sys.stdin.readline():
        request = json.loads(line)
        try:
            domain = domain or Domain(name, most, file)
            answer = getattr(domain, request["do"])(request)
        except Exception as error:  # noqa: BLE001 — a stranger's package may raise anything
            answer = {"value": f"{type(error).__name__}: {error}", "ok": False}
        os.write(answers, json.dumps(answer, default=str).encode() + b"\n")


if __name__ == "__main__":
    answers = os.dup(1)
    os.dup2(2, 1)  # what the package prints goes to standard error
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # litellm would ask the network for prices
    serve(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None, answers)
