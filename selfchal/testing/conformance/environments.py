"""What every environment must keep: worlds that are private, resettable and tell what changed; tools that
never raise; held-out tasks that their own solution solves and doing nothing does not."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

from selfchal.core.arena import Arena
from selfchal.core.environment import Environment
from selfchal.core.episode import Episode, Reward
from selfchal.core.sandbox import Limits
from selfchal.core.task import TestTask
from selfchal.core.world import Json, World
from selfchal.pipeline.manifest import parse_config
from selfchal.plugins.registry import load_plugins
from selfchal.rollout.agent import AgentConfig, AgentScene
from selfchal.testing.conformance.case import Case, demand, make, registrable

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


def environment_cases(
    cls: type[Any], options: Mapping[str, Json] | None = None, sandbox: str = "process", calls: int = 500
) -> list[Case]:
    """The cases for an environment class with these options. The oracle's code runs in that sandbox;
    ``calls`` random calls are made to every tool host."""
    given = options or {}
    kit = _Kit(cls, given, sandbox, calls)
    return [
        registrable("environment", cls),
        Case("tools have schemas and descriptions", kit.tools_are_described),
        Case("fresh worlds are equal and unchanged", kit.worlds_start_alike),
        Case("no call raises, whatever its arguments", kit.calls_never_raise),
        Case("worlds do not touch each other", kit.worlds_are_private),
        Case("a fork does not touch its origin", kit.forks_are_private),
        Case("reset leads back to the start", kit.reset_leads_back),
        Case("digest and difference agree", kit.digest_and_difference_agree),
        Case("tools that read change nothing", kit.readers_change_nothing),
        Case("exploration contexts open worlds, the same for the same seed", kit.contexts_open),
        Case("test tasks have ids of their own", kit.test_tasks_are_told_apart),
        Case("the oracle solves test tasks, doing nothing does not", kit.oracle_solves),
    ]


class _Kit:
    def __init__(self, cls: type[Any], options: Mapping[str, Json], sandbox: str, calls: int) -> None:
        self.cls, self.options, self.sandbox, self.calls = cls, options, sandbox, calls

    def environment(self) -> Environment:
        made: Environment = make(self.cls, self.options)
        return made

    def tools_are_described(self) -> None:
        environment = self.environment()
        world = environment.open({})
        specs = {spec.name: spec for spec in environment.tools}
        demand(specs, "it has no tool")
        demand(set(specs) == set(world.tool_names), "its worlds offer other tools than it describes")
        for spec in specs.values():
            demand(spec.description, f"{spec.name} has no description: give it a docstring")
            demand(
                spec.parameters.get("type") == "object", f"{spec.name}.parameters is no JSON schema object"
            )
            json.dumps(spec.parameters)

    def worlds_start_alike(self) -> None:
        environment = self.environment()
        one, other = environment.open({}), environment.open({})
        demand(one.digest() == other.digest(), "two fresh worlds have different digests")
        demand(one.canonical_sha256() == other.canonical_sha256(), "two fresh worlds have different states")
        demand(not one.difference(), f"a fresh world differs from its start: {one.difference()}")

    def calls_never_raise(self) -> None:
        world = self.environment().open({})
        result = world.call("no_such_tool", (), {})
        demand(not result.ok, "an unknown tool's result must not be ok")
        for name, args, kwargs in self._make_junk(world):
            try:
                result = world.call(name, args, kwargs)
                demand(isinstance(world.show(result), str), f"show() gives no text for a result of {name}")
            except Exception as error:
                raise AssertionError(f"{name}(*{args!r:.80}, **{kwargs!r:.80}) raised {error!r}") from error

    def worlds_are_private(self) -> None:
        environment = self.environment()
        used, other = environment.open({}), environment.open({})
        before = other.canonical_sha256()
        self._stir(used)
        demand(other.canonical_sha256() == before, "calls on one world changed another")
        demand(environment.open({}).canonical_sha256() == before, "calls on a world changed later ones")

    def forks_are_private(self) -> None:
        world = self.environment().open({})
        self._stir(world)
        before, fork = world.canonical_sha256(), world.fork()
        demand(fork.canonical_sha256() == before, "a fork differs from its origin")
        fork.reset()
        self._stir(fork, seed=1)
        demand(world.canonical_sha256() == before, "calls on a fork changed its origin")

    def reset_leads_back(self) -> None:
        world = self.environment().open({})
        before = world.digest(), world.canonical_sha256()
        self._stir(world)
        world.reset()
        demand(
            (world.digest(), world.canonical_sha256()) == before, "reset() does not lead back to the start"
        )
        demand(not world.difference() and not world.ended, "after reset() something is left")

    def digest_and_difference_agree(self) -> None:
        world = self.environment().open({})
        digests: dict[str, str] = {}
        start = world.digest()
        for name, args, kwargs in self._make_junk(world):
            world.call(name, args, kwargs)
            digest, state = world.digest(), world.canonical_sha256()
            demand(digests.setdefault(digest, state) == state, "one digest stands for two states")
            demand((digest == start) == (not world.difference()), "digest and difference() disagree")

    def readers_change_nothing(self) -> None:
        environment = self.environment()
        readers = {spec.name for spec in environment.tools if not spec.writes}
        world = environment.open({})
        before = world.canonical_sha256()
        for name, args, kwargs in self._make_junk(world):
            if name in readers:
                world.call(name, args, kwargs)
        demand(world.canonical_sha256() == before, "a tool changed the state but does not say writes=True")

    def contexts_open(self) -> None:
        environment = self.environment()
        for seed in range(5):
            context = environment.exploration_context(seed)
            demand(context == environment.exploration_context(seed), f"seed {seed} gives two contexts")
            demand(json.loads(json.dumps(context)) == context, "a context is not plain JSON")
            environment.open(context)
            demand(
                isinstance(environment.initial_observation(context), str),
                "initial_observation() gives no text",
            )

    def test_tasks_are_told_apart(self) -> None:
        environment = self.environment()
        demand(environment.splits(), "splits() is empty: name at least one held-out split")
        ids = [task.id for split in environment.splits() for task in environment.test_tasks(split)]
        demand(ids, "there is no test task")
        demand(len(ids) == len(set(ids)), "two test tasks have one id")

    def oracle_solves(self) -> None:
        environment = self.environment()
        box = load_plugins().find("sandbox", self.sandbox)
        running = box(parse_config(box.Config, {}, "sandbox"))
        try:
            agent_config = AgentConfig(Arena(environment, running, Limits()), max_steps=1_000)
            for split in environment.splits():
                for task in list(environment.test_tasks(split))[:ORACLE_TASKS]:
                    solved = _play(agent_config, task, environment.oracle(task))
                    demand(
                        solved.reward == 1.0,
                        f"the oracle fails {task.id}: {solved.reason} {solved.messages[-1]}",
                    )
                    answer = "ok" if environment.answer_required else None
                    idle = environment.grade(task, environment.open(task.context), answer, ["ok"])
                    demand(not idle, f"doing nothing solves the test task {task.id}: {task.instruction[:80]}")
        finally:
            running.close()

    def _stir(self, world: World, seed: int = 0) -> None:
        for name, args, kwargs in self._make_junk(world, seed):
            world.call(name, args, kwargs)

    def _make_junk(self, world: World, seed: int = 0) -> Iterator[tuple[str, list[Json], dict[str, Json]]]:
        """Random calls: right and wrong argument names, values from the state's own vocabulary and junk."""
        rng = random.Random(seed)
        specs = {spec.name: spec for spec in self.environment().tools}
        words = [*JUNK, *_collect_vocabulary(self.environment())]
        for _ in range(self.calls):
            name = rng.choice(list(specs))
            wanted = list(specs[name].parameters.get("properties", {}))
            kwargs = {key: rng.choice(words) for key in wanted if rng.random() < 0.9}
            if rng.random() < 0.1:
                kwargs["nonsense"] = rng.choice(words)
            yield name, [rng.choice(words)] if rng.random() < 0.1 else [], kwargs


def _collect_vocabulary(environment: Environment) -> list[Json]:
    """Words of the test tasks, so that some random calls meet something."""
    tasks = [task for split in environment.splits() for task in list(environment.test_tasks(split))[:20]]
    return [word.strip(".,?!'\"") for task in tasks for word in task.instruction.split()]


def _play(agent_config: AgentConfig, task: TestTask, turns: Any) -> Episode:
    def grade(world: World, answer: str | None, replies: Any) -> Reward:
        return Reward(float(agent_config.arena.environment.grade(task, world, answer, replies)), "graded")

    scene, episode = (
        AgentScene(task.id, task.instruction, task.context, agent_config, grade),
        Episode(task.id, 0),
    )
    episode.messages = list(scene.start())
    for turn in turns:
        said = scene.step(turn)
        if said is None:
            break
        episode.messages.append(said)
    scene.finish(episode, None)
    return episode
