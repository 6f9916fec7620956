"""The weights that a LoRA model began with, asked of the same servers: below the adapter that is trained.

It plays users and rates episodes, and takes no second copy of the weights. Light: everything heavy has come
in with the model itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from selfchal.builtin_models.config import VllmConfig
from selfchal.builtin_models.rendered import RendersLoaded
from selfchal.core.model import Capability, Generation, Sampling
from selfchal.core.turns import TurnStream

if TYPE_CHECKING:
    from selfchal.builtin_models.loaded_vllm import LoadedVllm


class StartingVllm(RendersLoaded["LoadedVllm"]):
    """The servers are those of ``loaded``, and are closed with it."""

    name: ClassVar[str] = "vllm"
    Config: ClassVar[type[BaseModel]] = VllmConfig

    @classmethod
    def provides(cls, config: Any) -> frozenset[Capability]:
        return frozenset(Capability) - {Capability.GRADIENTS}

    def __init__(self, loaded: LoadedVllm) -> None:
        self._loaded = loaded

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        return self._loaded.generate(prompts, sampling, adapted=False)

    def stream(self, sampling: Sampling) -> TurnStream:
        return TurnStream(self.generate, sampling)

    def reset_cache(self) -> None:
        self._loaded.reset_cache()

    def close(self) -> None:
        """The servers are another model's."""
