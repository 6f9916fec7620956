"""The model ``transformers``: any causal decoder from a local directory or a hub name, trained in place.

Light: torch and transformers come in when it is made. The same code runs a decoder of a million
parameters on a laptop and Llama-3.1-8B on a GPU; ``lora`` and ``quantization`` decide what is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from selfchal.builtin_models.config import TransformersConfig
from selfchal.builtin_models.devices import find_device_obstacle, may_use_gpu
from selfchal.builtin_models.memory_plan import plan_weights
from selfchal.builtin_models.packages import LORA, QUANTISED, TRAIN
from selfchal.builtin_models.rendered import RendersLoaded
from selfchal.builtin_models.starting_model import StartingModel
from selfchal.builtin_models.weight_sources import find_source_obstacle
from selfchal.core.ahead import SamplerAhead
from selfchal.core.model import Capability, Generation, Model, Sampling, Stream
from selfchal.core.requirement import Requirement
from selfchal.memory.plan import ModelPlan
from selfchal.processes import is_launched

if TYPE_CHECKING:
    from selfchal.builtin_models.loaded_model import LoadedModel


class TransformersModel(RendersLoaded["LoadedModel"]):
    """A language model that transformers loads: it samples and is trained in this process."""

    name: ClassVar[str] = "transformers"
    Config: ClassVar[type[BaseModel]] = TransformersConfig
    requires: ClassVar[tuple[Requirement, ...]] = (*TRAIN, LORA, QUANTISED)

    @classmethod
    def find_obstacle(cls, config: TransformersConfig) -> str:
        return find_device_obstacle(config) or find_source_obstacle(config.path)

    @classmethod
    def find_staleness_obstacle(cls, config: Any) -> str:
        return find_staleness_obstacle(on_gpu=may_use_gpu(config))

    @classmethod
    def plan_memory(cls, config: Any) -> ModelPlan | None:
        return plan_weights(config, "shared")

    @classmethod
    def provides(cls, config: TransformersConfig) -> frozenset[Capability]:
        everything = frozenset(Capability)
        # Quantised weights have no gradient; adapters on top of them do.
        frozen = config.quantization is not None and config.lora is None
        return everything - {Capability.GRADIENTS} if frozen else everything

    def __init__(self, config: TransformersConfig) -> None:
        """Load. Raises ModelError."""
        from selfchal.builtin_models.loaded_model import load_model

        self._config = config
        self._loaded: LoadedModel = load_model(config, config.path)
        self._sampled_ahead = False
        self._kept_out = ExitStack()  # whoever else would sample, during an update

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        return self._loaded.turns.generate(prompts, sampling)

    def stream(self, sampling: Sampling) -> Stream:
        return self._loaded.turns.stream(sampling)

    def reset_cache(self) -> None:
        self._loaded.on_weights_updated()

    @property
    def network(self) -> Any:
        return self._loaded.network

    def starting_model(self) -> Model | None:
        """With LoRA the same network without its adapters; None where all weights are trained."""
        if self._config.lora is None:
            return None
        from selfchal.builtin_models.loaded_model import make_configured_decoder

        decoder = make_configured_decoder(self.network, self._config, self._loaded.context)
        return StartingModel(replace(self._loaded, decoder=decoder))

    def open_sampler(self) -> SamplerAhead:
        """A copy of what is trained, which samples during updates."""
        from selfchal.builtin_models.snapshot import Snapshot

        self._sampled_ahead = True
        return Snapshot(self._config, self._loaded)

    def on_weights_updated(self) -> None:
        self._loaded.on_weights_updated()

    def begin_update(self) -> None:
        """Conversations that are kept to go on give their memory to the update."""
        if self._sampled_ahead:  # episodes under way may ask the starting model, which is this network
            self._kept_out.enter_context(self._loaded.lock)
        self._loaded.decoder.free_memory()

    def end_update(self) -> None:
        """Nothing has to come back: what is kept is made anew."""
        self._kept_out.close()

    def save(self, directory: Path) -> None:
        self._loaded.save(directory)

    def load(self, directory: Path) -> None:
        self._loaded.load(directory)

    def close(self) -> None:
        """Drop the caches; the weights go with the object."""
        self._loaded.on_weights_updated()


def find_staleness_obstacle(*, on_gpu: bool) -> str:
    """Why a copy of the weights, sampled from by a thread of this process, would be of no use."""
    if is_launched():
        return "samples in the first process, where it cannot go on during updates that all processes make"
    if on_gpu:
        return "samples on the GPU that trains, which cannot do both at the same time"
    return ""
