"""Registers the built-in trainers. Light: torch comes in when one of them trains."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel

from selfchal.builtin_trainers.dpo.config import DpoConfig
from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.kto.config import KtoConfig
from selfchal.builtin_trainers.memory_plan import (
    plan_offline,
    plan_on_policy,
    plan_trl_grpo,
    plan_trl_offline,
)
from selfchal.builtin_trainers.options import (
    OfflineOptions,
    RolloutOptions,
    find_loss_obstacle,
    find_staleness_obstacle,
)
from selfchal.builtin_trainers.policy_loss.seams import ADVANTAGE, find_seam_obstacle
from selfchal.builtin_trainers.ppo.config import PpoConfig
from selfchal.builtin_trainers.rft.config import RftConfig
from selfchal.builtin_trainers.trl_dpo.config import TrlDpoConfig
from selfchal.builtin_trainers.trl_fields import find_fields_obstacle
from selfchal.builtin_trainers.trl_grpo.config import TrlGrpoConfig
from selfchal.builtin_trainers.trl_kto.config import TrlKtoConfig
from selfchal.core.errors import PluginError
from selfchal.core.hookspecs import hookimpl
from selfchal.core.model import Capability
from selfchal.core.requirement import Requirement
from selfchal.core.trainer import Trainer, Training
from selfchal.memory.plan import TrainerPlan
from selfchal.processes import is_launched

ON_POLICY = frozenset({Capability.TOKEN_IDS, Capability.LOGPROBS, Capability.GRADIENTS})

OFFLINE = frozenset({Capability.TOKEN_IDS, Capability.GRADIENTS})

TORCH = (Requirement("torch", "selfchal[train]"),)

TRL = (*TORCH, Requirement("trl", "selfchal[trl]"))


Chosen = TypeVar("Chosen", bound=RolloutOptions | OfflineOptions)


class _Configured(Generic[Chosen]):
    """What a trainer's options say already."""

    def __init__(self, config: Chosen) -> None:
        self.config = config

    def group_size(self) -> int:
        return self.config.group_size

    def count_episodes(self, tasks: int) -> int:
        return self.config.count_episodes(tasks)


class _OnceRolledOut(_Configured[Chosen]):
    """A trainer that takes each task once as it is."""

    def one_pass(self, groups: int) -> Self:
        return self


class Grpo(_Configured[GrpoConfig]):
    """Group-relative policy optimisation; Dr. GRPO, DAPO, RLOO, GSPO and CISPO by its options."""

    name: ClassVar[str] = "grpo"
    Config: ClassVar[type[BaseModel]] = GrpoConfig
    needs: ClassVar[frozenset[Capability]] = ON_POLICY
    requires: ClassVar[tuple[Requirement, ...]] = TORCH

    @classmethod
    def plan_memory(cls, config: GrpoConfig) -> TrainerPlan:
        return plan_on_policy(config)

    @classmethod
    def find_staleness_obstacle(cls, config: GrpoConfig) -> str:
        return find_staleness_obstacle(config)

    @classmethod
    def find_obstacle(cls, config: GrpoConfig) -> str:
        return find_seam_obstacle((ADVANTAGE, config.advantage)) or find_loss_obstacle(config)

    def one_pass(self, groups: int) -> Trainer:
        # a group without signal has no replacement but one that is learnt from already, or will be
        return Grpo(_one_pass(self.config, groups).model_copy(update={"resample": 0}))

    def train(self, training: Training) -> None:
        from selfchal.builtin_trainers.grpo.algorithm import GrpoAlgorithm
        from selfchal.builtin_trainers.on_policy import train

        train(GrpoAlgorithm(self.config), training)


class Ppo(_Configured[PpoConfig]):
    """Proximal policy optimisation with a critic and GAE over the agent's tokens."""

    name: ClassVar[str] = "ppo"
    Config: ClassVar[type[BaseModel]] = PpoConfig
    needs: ClassVar[frozenset[Capability]] = ON_POLICY
    requires: ClassVar[tuple[Requirement, ...]] = TORCH

    @classmethod
    def plan_memory(cls, config: PpoConfig) -> TrainerPlan:
        return plan_on_policy(config, critic=config.critic == "network")

    @classmethod
    def find_staleness_obstacle(cls, config: PpoConfig) -> str:
        return find_staleness_obstacle(config)

    @classmethod
    def find_obstacle(cls, config: PpoConfig) -> str:
        return find_loss_obstacle(config)

    def one_pass(self, groups: int) -> Trainer:
        return Ppo(_one_pass(self.config, groups))

    def train(self, training: Training) -> None:
        from selfchal.builtin_trainers.on_policy import train
        from selfchal.builtin_trainers.parallel import Team
        from selfchal.builtin_trainers.ppo.algorithm import PpoAlgorithm
        from selfchal.builtin_trainers.ppo.critic import make_critic

        # every process of a team must begin with the same critic
        team, network = Team(), training.model.network
        if self.config.critic == "network":
            team.broadcast_weights(network)
        critic = make_critic(self.config.critic, network, team.broadcast(training.seed))
        train(PpoAlgorithm(self.config, critic), training)


class Rft(_OnceRolledOut[RftConfig]):
    """Rejection fine-tuning on passed episodes; with a teacher, distillation of its episodes."""

    name: ClassVar[str] = "rft"
    Config: ClassVar[type[BaseModel]] = RftConfig
    needs: ClassVar[frozenset[Capability]] = OFFLINE
    requires: ClassVar[tuple[Requirement, ...]] = TORCH

    @classmethod
    def plan_memory(cls, config: RftConfig) -> TrainerPlan:
        return plan_offline(config, together=1)

    def train(self, training: Training) -> None:
        from selfchal.builtin_trainers.offline_loop import train
        from selfchal.builtin_trainers.rft.algorithm import RftAlgorithm

        train(RftAlgorithm(self.config), training)


class Dpo(_OnceRolledOut[DpoConfig]):
    """Direct preference optimisation: passed episodes preferred to failed ones of the same task."""

    name: ClassVar[str] = "dpo"
    Config: ClassVar[type[BaseModel]] = DpoConfig
    needs: ClassVar[frozenset[Capability]] = OFFLINE
    requires: ClassVar[tuple[Requirement, ...]] = TORCH

    @classmethod
    def plan_memory(cls, config: DpoConfig) -> TrainerPlan:
        return plan_offline(config, together=2)

    def train(self, training: Training) -> None:
        from selfchal.builtin_trainers.dpo.algorithm import DpoAlgorithm
        from selfchal.builtin_trainers.offline_loop import train

        train(DpoAlgorithm(self.config), training)


class Kto(_OnceRolledOut[KtoConfig]):
    """Kahneman-Tversky optimisation: passed episodes made likelier, failed ones unlikelier, without pairs."""

    name: ClassVar[str] = "kto"
    Config: ClassVar[type[BaseModel]] = KtoConfig
    needs: ClassVar[frozenset[Capability]] = OFFLINE
    requires: ClassVar[tuple[Requirement, ...]] = TORCH

    @classmethod
    def plan_memory(cls, config: KtoConfig) -> TrainerPlan:
        return plan_offline(config, together=2)

    def train(self, training: Training) -> None:
        from selfchal.builtin_trainers.kto.algorithm import KtoAlgorithm
        from selfchal.builtin_trainers.offline_loop import train

        train(KtoAlgorithm(self.config), training)


class TrlDpo(_OnceRolledOut[TrlDpoConfig]):
    """TRL's DPOTrainer fed with our pairs, for its other losses."""

    name: ClassVar[str] = "trl_dpo"
    Config: ClassVar[type[BaseModel]] = TrlDpoConfig
    needs: ClassVar[frozenset[Capability]] = OFFLINE
    requires: ClassVar[tuple[Requirement, ...]] = TRL

    @classmethod
    def plan_memory(cls, config: TrlDpoConfig) -> TrainerPlan:
        return plan_trl_offline(config)

    @classmethod
    def find_obstacle(cls, config: TrlDpoConfig) -> str:
        return _find_process_obstacle(cls.name) or find_fields_obstacle("DPOConfig", config.trl, "beta")

    def train(self, training: Training) -> None:
        _refuse_several_processes(self.name)
        from selfchal.builtin_trainers.trl_dpo.loop import train

        train(self.config, training)


class TrlKto(_OnceRolledOut[TrlKtoConfig]):
    """TRL's KTOTrainer fed with our episodes, for its other losses and kernels."""

    name: ClassVar[str] = "trl_kto"
    Config: ClassVar[type[BaseModel]] = TrlKtoConfig
    needs: ClassVar[frozenset[Capability]] = OFFLINE
    requires: ClassVar[tuple[Requirement, ...]] = TRL

    @classmethod
    def plan_memory(cls, config: TrlKtoConfig) -> TrainerPlan:
        return plan_trl_offline(config)

    @classmethod
    def find_obstacle(cls, config: TrlKtoConfig) -> str:
        return _find_process_obstacle(cls.name) or find_fields_obstacle(
            "KTOConfig", config.trl, "beta", "desirable_weight", "undesirable_weight"
        )

    def train(self, training: Training) -> None:
        _refuse_several_processes(self.name)
        from selfchal.builtin_trainers.trl_kto.loop import train

        train(self.config, training)


class TrlGrpo(_Configured[TrlGrpoConfig]):
    """TRL's GRPOTrainer fed by our rollouts, for its kernels, DeepSpeed and loss variants."""

    name: ClassVar[str] = "trl_grpo"
    Config: ClassVar[type[BaseModel]] = TrlGrpoConfig
    needs: ClassVar[frozenset[Capability]] = ON_POLICY
    requires: ClassVar[tuple[Requirement, ...]] = TRL

    @classmethod
    def plan_memory(cls, config: TrlGrpoConfig) -> TrainerPlan:
        return plan_trl_grpo(config)

    @classmethod
    def find_obstacle(cls, config: TrlGrpoConfig) -> str:
        return _find_process_obstacle(cls.name) or find_fields_obstacle(
            "GRPOConfig", config.trl, "loss_type", "epsilon", "epsilon_high", "num_generations"
        )

    def one_pass(self, groups: int) -> Trainer:
        return TrlGrpo(_one_pass(self.config, groups))

    def train(self, training: Training) -> None:
        _refuse_several_processes(self.name)
        from selfchal.builtin_trainers.trl_grpo.loop import train

        train(self.config, training)


C = TypeVar("C", bound=RolloutOptions)


def _one_pass(options: C, groups: int) -> C:
    """As many updates as take each group once."""
    return options.model_copy(update={"steps": max(1, groups // options.tasks_per_step)})


def _find_process_obstacle(name: str) -> str:
    if is_launched():
        ours = name.removeprefix("trl_")
        return f"{name} trains in one process; start it without torchrun, or take {ours}"
    return ""


def _refuse_several_processes(name: str) -> None:
    if obstacle := _find_process_obstacle(name):
        raise PluginError(obstacle)


@hookimpl
def register_trainers() -> Iterable[type[Trainer]]:
    return [Grpo, Ppo, Rft, Dpo, Kto, TrlGrpo, TrlDpo, TrlKto]
