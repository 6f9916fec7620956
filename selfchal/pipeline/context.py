"""The context of a run: everything that it is made with, loaded once and closed at the end."""

from __future__ import annotations

import platform
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version

from selfchal.core.arena import Arena
from selfchal.core.environment import Chat, Environment, close_environment, list_notes
from selfchal.core.episode import Reward
from selfchal.core.errors import PluginError
from selfchal.core.evidence import Attempt, Solver
from selfchal.core.model import Model, Sampling, TrainableModel
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.seeds import seed_of
from selfchal.core.synthesizer import Synthesizer
from selfchal.core.task import Task, TestTask
from selfchal.core.world import Json, World
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.pipeline.costs import Clock, Ledger
from selfchal.pipeline.manifest import Choice, LimitsSection, Manifest, RolloutSection
from selfchal.pipeline.roles import Roles, open_model, open_roles
from selfchal.pipeline.store import Store
from selfchal.pipeline.watch import Watch, Watchers, watching
from selfchal.rollout.actions import STOPS
from selfchal.rollout.agent import AgentConfig, AgentScene
from selfchal.rollout.engine import Engine
from selfchal.rollout.tool_calls import STOPS as TOOL_STOPS

GREEDY = 0.0
SECRET = "secret"  # the fact that holds it


@dataclass(frozen=True)
class EnvironmentContext:
    """Where the tasks of one environment are proposed, judged and played. ``measured_config`` is for
    evaluations, in which another model may play the users."""

    agent_config: AgentConfig
    measured_config: AgentConfig
    runner: SandboxTaskRunner
    judge: Judge

    @property
    def arena(self) -> Arena:
        return self.agent_config.arena

    @property
    def environment(self) -> Environment:
        return self.arena.environment


@dataclass(frozen=True)
class RunContext:
    """What the stages of a run share. ``environments`` by name; a task's ``environment`` is such a name."""

    manifest: Manifest
    store: Store
    watch: Watch
    environments: Mapping[str, EnvironmentContext]
    model: Model
    challenger: Model
    teacher: Model | None
    synthesizer: Synthesizer | None
    ledger: Ledger
    clock: Clock

    @property
    def sole(self) -> EnvironmentContext:
        """The only environment. Whoever asks for it does not tell several apart yet."""
        (only,) = self.environments.values()
        return only

    @property
    def trainer(self) -> Choice:
        """The trainer; a run without one never asks."""
        assert self.manifest.trainer is not None, "only a stage of training asks for the trainer"
        return self.manifest.trainer

    @property
    def trainable_model(self) -> TrainableModel:
        """The model as one whose weights can be changed: validation has seen to it that it is one."""
        if not isinstance(self.model, TrainableModel):
            kind = type(self.model).__name__
            raise PluginError(f"the model {kind} says that it can be trained, and lacks what that takes")
        return self.model

    def seed(self, *purpose: object) -> int:
        """The seed of a random choice, made of the run's seed and of what it is for."""
        return seed_of(self.manifest.settings.run.seed, *purpose)

    def sampling(self, temperature: float, seed: int, *, challenge: bool = False) -> Sampling:
        rollout = self.manifest.settings.rollout
        tokens = rollout.challenge_tokens if challenge else rollout.max_tokens
        top_p = rollout.top_p if temperature != GREEDY else 1.0
        code = challenge or rollout.action_format == "code"
        return Sampling(temperature, top_p, tokens, stop=STOPS if code else TOOL_STOPS, seed=seed)

    def describe_sandbox(self) -> dict[str, Json]:
        """The sandbox's guarantees, stored with the verdicts that it gave."""
        guarantees = self.sole.arena.sandbox.guarantees
        return {**asdict(guarantees), "levels": dict(guarantees.levels)}

    def task_scene(self, task: Task) -> AgentScene:
        """An agent at work on a synthetic task, rewarded by the task's own ``evaluate``."""
        of = self.environments[task.environment]
        return scene_of_task(task, of.agent_config, of.runner)

    def scene(self, task: TestTask | Task) -> AgentScene:
        """An agent that is measured: on a held-out task, graded by the environment, or on a synthetic one."""
        of = self.environments[task.environment]
        if isinstance(task, Task):
            return scene_of_task(task, of.measured_config, of.runner)
        return scene_of_test(task, of.measured_config)


def scene_of_task(task: Task, agent_config: AgentConfig, runner: SandboxTaskRunner) -> AgentScene:
    """An agent at work on a synthetic task, rewarded by the task's own ``evaluate``."""

    def grade(world: World, answer: str | None, replies: Sequence[str]) -> Reward:
        return runner.reward(task, world, answer)

    return AgentScene(task.id, task.instruction, task.context, agent_config, grade)


def scene_of_test(task: TestTask, agent_config: AgentConfig) -> AgentScene:
    """An agent at work on a held-out task, graded by the environment."""

    def grade(world: World, answer: str | None, replies: Sequence[str]) -> Reward:
        return Reward(float(agent_config.arena.environment.grade(task, world, answer, replies)))

    return AgentScene(task.id, task.instruction, task.context, agent_config, grade)


def limits_of(section: LimitsSection) -> Limits:
    return Limits(section.seconds, section.memory_mb * 2**20, calls=section.calls)


@contextmanager
def open_context(manifest: Manifest, store: Store, watchers: Watchers) -> Iterator[RunContext]:
    """Make the plugins of a manifest, cheapest first so that mistakes show early; close them at the end."""
    with ExitStack() as closing:
        watch = closing.enter_context(watching(manifest, store.directory, watchers))
        environment = open_environment(manifest.environment, closing)
        for note in list_notes(environment):
            watch.note(note)
        sandbox: Sandbox = manifest.sandbox.make()
        closing.callback(sandbox.close)
        arena = Arena(environment, sandbox, limits_of(manifest.settings.limits))
        synthesizer: Synthesizer | None = manifest.synthesizer.make() if manifest.synthesizer else None
        model = open_model(manifest.model, closing)
        challenger = open_model(manifest.challenger, closing) if manifest.challenger else model
        teacher = open_model(manifest.teacher, closing) if manifest.teacher else None
        secret = _keep_secret(store)
        roles = open_roles(manifest, model, closing)
        environments = {environment.name: _make_environment(manifest, arena, model, roles, secret)}
        yield RunContext(
            manifest,
            store,
            watch,
            environments,
            model,
            challenger,
            teacher,
            synthesizer,
            Ledger(store),
            Clock.start(store),
        )


def _make_environment(
    manifest: Manifest, arena: Arena, model: Model, roles: Roles, secret: str
) -> EnvironmentContext:
    """``model`` makes the attempts that a check of the judge may ask for."""
    rollout = manifest.settings.rollout
    agent_config = agent_config_of(rollout, arena, roles.user)
    measured_config = replace(agent_config, chat=roles.measured_user)
    plain = SandboxTaskRunner(arena, chat=roles.judge)
    runner = replace(plain, solver=solver_of(model, agent_config, plain, rollout, threading.Lock()))
    checks = [choice.make() for choice in manifest.checks]
    return EnvironmentContext(agent_config, measured_config, runner, Judge(runner, checks, secret))


def _keep_secret(store: Store) -> str:
    """What the judge draws wrong outcomes from. It is drawn once a run, so a resumed one judges as before."""
    secret: str = store.fact(SECRET) or secrets.token_hex(16)
    store.put_fact(SECRET, secret)
    return secret


def agent_config_of(rollout: RolloutSection, arena: Arena, chat: Chat | None) -> AgentConfig:
    return AgentConfig(arena, rollout.max_steps, rollout.observation_chars, chat, rollout.action_format)


def open_environment(choice: Choice, closing: ExitStack) -> Environment:
    environment: Environment = choice.make()
    closing.callback(close_environment, environment)
    return environment


def solver_of(
    model: Model,
    agent_config: AgentConfig,
    runner: SandboxTaskRunner,
    rollout: RolloutSection,
    lock: threading.Lock,
) -> Solver:
    """Attempts at a task from its instruction alone, for checks of the judge; one task at a time."""

    def solve(task: Task, attempts: int) -> list[Attempt]:
        seed = seed_of("attempts", task.id)
        sampling = Sampling(rollout.temperature, rollout.top_p, rollout.max_tokens, STOPS, seed)
        scenes = [scene_of_task(task, agent_config, runner) for _ in range(attempts)]
        with lock:
            episodes = Engine(model, sampling, rollout.batch).roll(scenes)
        ends = zip(episodes, scenes, strict=True)
        return [Attempt(e.reward == 1.0, scene.world.digest(), e.answer) for e, scene in ends]

    return solve


def describe_versions() -> dict[str, Json]:
    """Versions of what decides a run's numbers."""
    found: dict[str, Json] = {"python": platform.python_version(), "machine": platform.machine()}
    for package in ("selfchal", "torch", "transformers", "trl", "numpy", "pydantic", "vllm"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found
