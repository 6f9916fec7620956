"""REINFORCE with a running baseline, as a trainer for selfchal: its options and the plugin.

No torch is imported here: selfchal reads every plugin's options before it knows which of them will train.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import BaseModel, Field

from selfchal import Capability, Requirement, Trainer, Training, hookimpl
from selfchal.memory import TrainerPlan
from selfchal.on_policy import ClipName, ClippedOptions, find_loss_obstacle, plan_on_policy


class ReinforceConfig(ClippedOptions):
    """``steps`` updates, each on the episodes of ``tasks_per_step`` tasks, ``group_size`` a task."""

    baseline_decay: float = Field(0.9, ge=0, lt=1)
    """Weight of the earlier rewards in the running mean at each update; 0: the last update's mean reward."""
    group_size: int = Field(1, ge=1)
    """Episodes a task. They are not compared with each other, so that one is enough."""
    clip: ClipName = "none"
    """none: the policy gradient itself, whose ratio is 1 in the first step on a batch. Take ppo or cispo with
    more ``epochs`` or ``minibatches``: the policy has changed by the second step."""


class Reinforce:
    """REINFORCE: each episode's reward is compared with a running mean of earlier rewards."""

    name: ClassVar[str] = "reinforce"
    Config: ClassVar[type[BaseModel]] = ReinforceConfig
    needs: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.TOKEN_IDS, Capability.LOGPROBS, Capability.GRADIENTS}
    )
    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("torch", "selfchal[train]"),)

    @classmethod
    def find_obstacle(cls, config: ReinforceConfig) -> str:
        return find_loss_obstacle(config)

    @classmethod
    def plan_memory(cls, config: ReinforceConfig) -> TrainerPlan:
        return plan_on_policy(config)

    def __init__(self, config: ReinforceConfig) -> None:
        self.config = config

    def group_size(self) -> int:
        return self.config.group_size

    def count_episodes(self, tasks: int) -> int:
        return self.config.count_episodes(tasks)

    def one_pass(self, groups: int) -> Trainer:
        steps = max(1, groups // self.config.tasks_per_step)
        return Reinforce(self.config.model_copy(update={"steps": steps}))

    def train(self, training: Training) -> None:
        from selfchal.on_policy import train
        from selfchal_reinforce.algorithm import ReinforceAlgorithm, RunningMean

        train(ReinforceAlgorithm(self.config, RunningMean(self.config.baseline_decay)), training)


@hookimpl
def register_trainers() -> Iterable[type[Trainer]]:
    return [Reinforce]
