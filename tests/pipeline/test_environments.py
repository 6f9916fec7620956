"""The scenes of a run's tasks."""

from __future__ import annotations

from collections.abc import Sequence

from selfchal.builtin_envs.calculation.environment import Calculation, CalculationConfig
from selfchal.core.arena import Arena
from selfchal.core.errors import SandboxError
from selfchal.core.sandbox import Limits
from selfchal.core.task import TestTask
from selfchal.core.world import World
from selfchal.pipeline.environments import scene_of_test
from selfchal.rollout.agent import AgentConfig
from selfchal.testing.in_process import InProcessSandbox


class Failing(Calculation):
    def grade(self, task: TestTask, world: World, answer: str | None, replies: Sequence[str]) -> float:
        raise SandboxError("its grader was gone")


def test_a_grader_that_fails_leaves_the_episode_unjudged_and_the_run_going() -> None:
    environment = Failing(CalculationConfig())
    task = environment.test_tasks(environment.splits()[0])[0]
    scene = scene_of_test(task, AgentConfig(Arena(environment, InProcessSandbox(), Limits())))
    scene.start()
    assert scene.step("Answer: 4") is None
    result = scene.finish(None)
    assert (result.reward, result.reason) == (None, "its grader was gone")
