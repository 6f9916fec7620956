"""A run's environments, each ready to play and judge in: what agents, challengers and the judge share."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property

from selfchal.core.arena import Arena
from selfchal.core.environment import Chat, Environment, close_environment
from selfchal.core.episode import Reward
from selfchal.core.errors import SandboxError
from selfchal.core.evidence import Solver
from selfchal.core.judge import AnyCheck
from selfchal.core.sandbox import Limits
from selfchal.core.synthesizer import ProposalContext
from selfchal.core.task import Task, TestTask
from selfchal.core.world import World
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.pipeline.held_out_calls import HeldOutCalls
from selfchal.pipeline.manifest import Choice, LimitsSection, RolloutSection
from selfchal.rollout.agent import AgentConfig, AgentScene


@dataclass(frozen=True)
class Speakers:
    """Who answers what scenes and checks ask: ``measured_user`` plays the users of an evaluation, ``user``
    all others, ``judge`` rates, and ``solver`` tries tasks."""

    user: Chat
    measured_user: Chat
    judge: Chat
    solver: Solver


@dataclass(frozen=True)
class EnvironmentContext:
    """Where the tasks of one environment are proposed, judged and played. ``measured_config`` is for
    evaluations, in which another model may play the users. ``prefix`` stands before the ids of its held-out
    tasks in a run with several environments, where two may have a task of one id."""

    agent_config: AgentConfig
    measured_config: AgentConfig
    runner: SandboxTaskRunner
    judge: Judge
    prefix: str = ""

    @property
    def arena(self) -> Arena:
        return self.agent_config.arena

    @property
    def environment(self) -> Environment:
        return self.arena.environment

    @cached_property
    def proposal_context(self) -> ProposalContext:
        """What every proposal is made with."""
        return ProposalContext(self.arena, self.judge, HeldOutCalls(self.environment))

    def give_prefix(self, task: TestTask) -> TestTask:
        """A held-out task as the run calls it."""
        return replace(task, id=self.prefix + task.id, family=self.prefix + task.family)

    def take_prefix(self, task: TestTask) -> TestTask:
        """A held-out task as the environment calls it."""
        return replace(
            task, id=task.id.removeprefix(self.prefix), family=task.family.removeprefix(self.prefix)
        )


def make_environment_context(
    arena: Arena,
    rollout: RolloutSection,
    checks: Sequence[AnyCheck],
    secret: str,
    speakers: Speakers,
    prefix: str = "",
) -> EnvironmentContext:
    """Wrong outcomes are drawn from the ``secret``."""
    agent_config = agent_config_of(rollout, arena, speakers.user)
    measured_config = replace(agent_config, chat=speakers.measured_user)
    runner = SandboxTaskRunner(arena, chat=speakers.judge, solver=speakers.solver)
    return EnvironmentContext(agent_config, measured_config, runner, Judge(runner, checks, secret), prefix)


def scene_of_task(task: Task, agent_config: AgentConfig, runner: SandboxTaskRunner) -> AgentScene:
    """An agent at work on a synthetic task, rewarded by the task's own ``evaluate``."""

    def grade(world: World, answer: str | None, replies: Sequence[str]) -> Reward:
        return runner.reward(task, world, answer)

    return AgentScene(task.id, task.instruction, task.context, agent_config, grade)


def scene_of_test(task: TestTask, agent_config: AgentConfig, name: str = "") -> AgentScene:
    """An agent at work on a held-out task, graded by the environment. ``name``: what its episodes are stored
    under, where that is not the task's id."""

    def grade(world: World, answer: str | None, replies: Sequence[str]) -> Reward:
        try:
            return Reward(float(agent_config.arena.environment.grade(task, world, answer, replies)))
        except SandboxError as error:  # of an environment that grades by running somebody's code
            return Reward(None, str(error))

    return AgentScene(name or task.id, task.instruction, task.context, agent_config, grade)


def limits_of(section: LimitsSection) -> Limits:
    return Limits(section.seconds, section.memory_mb * 2**20, calls=section.calls)


def agent_config_of(rollout: RolloutSection, arena: Arena, chat: Chat | None) -> AgentConfig:
    return AgentConfig(arena, rollout.max_steps, rollout.observation_chars, chat, rollout.action_format)


def open_environment(choice: Choice, closing: ExitStack) -> Environment:
    environment: Environment = choice.make()
    closing.callback(close_environment, environment)
    return environment
