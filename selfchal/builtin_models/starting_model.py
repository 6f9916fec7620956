"""The weights that a LoRA model began with: the same network, whose adapters rest while this one generates.

It plays users and rates episodes while the adapters are trained, and takes no second copy of the weights.
Light: everything heavy has come in with the model itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from selfchal.builtin_models.config import TransformersConfig
from selfchal.builtin_models.rendered import RendersLoaded
from selfchal.core.model import Capability, Generation, Sampling
from selfchal.core.turns import TurnStream

if TYPE_CHECKING:
    from selfchal.builtin_models.loaded_model import LoadedModel


class StartingModel(RendersLoaded["LoadedModel"]):
    """``loaded`` has a decoder of its own, for what was cached with the adapters is of no use without them.
    Its lock is that of the model that is trained: the adapters are off for nobody else."""

    name: ClassVar[str] = "transformers"
    Config: ClassVar[type[BaseModel]] = TransformersConfig

    @classmethod
    def provides(cls, config: Any) -> frozenset[Capability]:
        return frozenset(Capability) - {Capability.GRADIENTS}

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        with self._loaded.lock, self._loaded.network.disable_adapter():
            return self._loaded.turns.generate(prompts, sampling)

    def stream(self, sampling: Sampling) -> TurnStream:
        return TurnStream(self.generate, sampling)

    def reset_cache(self) -> None:
        self._loaded.on_weights_updated()

    def close(self) -> None:
        """Drop the caches; the weights are another model's."""
        self._loaded.on_weights_updated()
