"""Registers the built-in trainers. Light: torch comes in when one of them trains."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import BaseModel

from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.ppo.config import PpoConfig
from selfchal.core.hookspecs import hookimpl
from selfchal.core.model import Capability
from selfchal.core.trainer import Trainer, Training

ON_POLICY = frozenset({Capability.TOKEN_IDS, Capability.LOGPROBS, Capability.GRADIENTS})


class Grpo:
    """Group-relative policy optimisation, with Dr. GRPO and DAPO as options."""

    name: ClassVar[str] = "grpo"
    Config: ClassVar[type[BaseModel]] = GrpoConfig
    needs: ClassVar[frozenset[Capability]] = ON_POLICY

    def __init__(self, config: GrpoConfig) -> None:
        self.config = config

    def train(self, training: Training) -> None:
        from selfchal.builtin_trainers.grpo.loop import train

        train(self.config, training)


class Ppo:
    """Proximal policy optimisation with a critic head and GAE over the agent's tokens."""

    name: ClassVar[str] = "ppo"
    Config: ClassVar[type[BaseModel]] = PpoConfig
    needs: ClassVar[frozenset[Capability]] = ON_POLICY

    def __init__(self, config: PpoConfig) -> None:
        self.config = config

    def train(self, training: Training) -> None:
        from selfchal.builtin_trainers.ppo.loop import train

        train(self.config, training)


@hookimpl
def register_trainers() -> Iterable[type[Trainer]]:
    return [Grpo, Ppo]
