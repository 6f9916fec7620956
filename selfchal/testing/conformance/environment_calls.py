"""The calls that the environment kit makes: those of the environment's own solutions, random ones that fit
the tools and use what earlier calls have shown, and junk."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel

from selfchal.core.arena import Arena
from selfchal.core.environment import Environment, ExampleCalls
from selfchal.core.episode import Episode, Reward
from selfchal.core.sandbox import Execution, Guarantees, Limits, Program, Sandbox, Session
from selfchal.core.task import TestTask
from selfchal.core.world import Call, Json, ToolHost, ToolResult, World
from selfchal.rollout.agent import AgentConfig, AgentScene
from selfchal.rollout.random_calls import RandomCaller
from selfchal.testing.conformance.case import demand_type

JUNK: tuple[Json, ...] = (
    "",
    "x" * 5_000,
    "\ud800",
    -1,
    10**30,
    1e308,
    True,
    None,
    [],
    {},
    [[["deep"]]],
    {"a": {"b": None}},
)
ORACLE_TASKS = 25  # of each split: enough to find a wrong oracle, quick enough to run at every change
_LENGTH = 40  # random calls on one world
Arguments = tuple[str, list[Json], dict[str, Json]]  # a call: the tool, by place, by name


@dataclass(frozen=True)
class Played:
    """A held-out task as the environment's own solution plays it."""

    task: TestTask
    episode: Episode
    calls: tuple[Call, ...]
    world: World  # as it is in the end


class RecordingSandbox:
    """A sandbox that keeps a record of the tool calls of its sessions."""

    name: ClassVar[str] = "recording"
    Config: ClassVar[type[BaseModel]] = BaseModel

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.calls: list[Call] = []

    @property
    def guarantees(self) -> Guarantees:
        return self._sandbox.guarantees

    def run(self, program: Program, tools: ToolHost | None, limits: Limits) -> Execution:
        return self._sandbox.run(program, tools, limits)

    def session(self, tools: Any, limits: Limits) -> Session:
        return self._sandbox.session(RecordingWorld(tools, self.calls), limits)

    def close(self) -> None:
        self._sandbox.close()


def demand_result(name: str, result: Any) -> ToolResult:
    """A call's result. Raises AssertionError for what is none, or holds no JSON."""
    demand_type(result, ToolResult, f"a call of {name}")
    try:
        json.dumps(result.value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise AssertionError(f"{name} gave {result.value!r:.80}, which is no JSON: {error}") from error
    given: ToolResult = result
    return given


@dataclass
class CheckedWorld:
    """A world whose every answer is looked at."""

    world: World

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        return demand_result(name, self.world.call(name, args, kwargs))


@dataclass
class RecordingWorld:
    """A world that keeps a record of the calls that are made on it."""

    world: World
    calls: list[Call] = field(default_factory=list)

    @property
    def tool_names(self) -> Sequence[str]:
        return self.world.tool_names

    def digest(self) -> str:
        return self.world.digest()

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        before = self.world.digest()
        result = demand_result(name, self.world.call(name, args, kwargs))
        changed = self.world.digest() != before
        self.calls.append(
            Call(name, tuple(args), dict(kwargs), result.value, result.ok, changed, result.error)
        )
        return result


def play_oracle(environment: Environment, sandbox: Sandbox) -> Iterator[Played]:
    """Held-out tasks of every split, played by the environment's own solutions."""
    for split in environment.splits():
        for task in choose_tasks(environment, split):
            yield _play(environment, RecordingSandbox(sandbox), task)


def choose_tasks(environment: Environment, split: str) -> list[TestTask]:
    """The first tasks of a split, and one for each tool that none of these uses."""
    tasks = list(environment.test_tasks(split))
    chosen = tasks[:ORACLE_TASKS]
    missing = {f"{tool.name}(" for tool in environment.tools}
    for i, task in enumerate(tasks):
        said = "\n".join(environment.oracle(task))
        used = {name for name in missing if name in said}
        missing -= used
        if used and i >= ORACLE_TASKS:
            chosen.append(task)
    return chosen


def _play(environment: Environment, sandbox: RecordingSandbox, task: TestTask) -> Played:
    def grade(world: World, answer: str | None, replies: Sequence[str]) -> Reward:
        return Reward(float(environment.grade(task, world, answer, replies)), "graded")

    config = AgentConfig(Arena(environment, sandbox, Limits()), max_steps=1_000)
    scene, episode = AgentScene(task.id, task.instruction, task.context, config, grade), Episode(task.id, 0)
    episode.messages = list(scene.start())
    for turn in environment.oracle(task):
        said = scene.step(turn)
        if said is None:
            break
        episode.messages.append(said)
    episode.close(scene.finish(None))
    return Played(task, episode, tuple(sandbox.calls), scene.world)


def make_fitting(
    environment: Environment, played: Sequence[Played], examples: ExampleCalls, count: int, seed: int = 0
) -> list[Call]:
    """Random calls that fit the tools' schemas. Their arguments are what was seen before, in the calls that
    solve held-out tasks and in what those gave."""
    caller = RandomCaller(environment.tools, seed, list_vocabulary(environment))
    specs, world = {tool.name: tool for tool in environment.tools}, CheckedWorld(environment.open({}))
    for call in (call for one in played for call in one.calls):
        caller.learn(call.name, call.value)
        parameters = list(specs[call.name].parameters.get("properties", {}))
        for name, value in call.name_arguments(parameters).items():
            caller.learn(name, value)
    offered = [(name, kwargs) for name, kwargs in examples if name in specs]  # options may leave tools out
    made = [caller.call(world, specs[name], kwargs) for name, kwargs in offered]
    while len(made) < count:  # anew every so often, or everything would soon be lent, sold or cancelled
        made += caller.explore(CheckedWorld(environment.open({})), _LENGTH)
    return made


def make_junk(environment: Environment, count: int, seed: int = 0) -> Iterator[Arguments]:
    """Random calls: right and wrong argument names, values from the tasks' own vocabulary and junk."""
    rng = random.Random(seed)
    specs = {spec.name: spec for spec in environment.tools}
    words = [*JUNK, *list_vocabulary(environment)]
    for _ in range(count):
        name = rng.choice(list(specs))
        wanted = list(specs[name].parameters.get("properties", {}))
        kwargs = {key: rng.choice(words) for key in wanted if rng.random() < 0.9}
        if rng.random() < 0.1:
            kwargs["nonsense"] = rng.choice(words)
        yield name, [rng.choice(words)] if rng.random() < 0.1 else [], kwargs


def list_vocabulary(environment: Environment) -> list[Json]:
    """Words of the test tasks and of contexts, so that some random calls meet something."""
    tasks = [task for split in environment.splits() for task in list(environment.test_tasks(split))[:20]]
    words: list[Json] = [word.strip(".,?!'\"") for task in tasks for word in task.instruction.split()]
    contexts = [environment.exploration_context(seed) for seed in range(5)]
    return words + [
        value for context in contexts for value in context.values() if isinstance(value, str | int)
    ]
