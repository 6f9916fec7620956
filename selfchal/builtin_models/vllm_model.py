"""The model ``vllm``: vLLM servers sample, and the same weights in this process are trained.

The servers are started here (on ``gpus``, with ``python``), or run already (``servers``). Each turn is a
request of its own. After an update the new weights, or the LoRA adapter, are sent to every server before it
is asked again. Light: everything heavy comes in when it is made.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel

from selfchal.builtin_models.config import VllmConfig
from selfchal.builtin_models.devices import find_device_obstacle, may_use_gpu
from selfchal.builtin_models.memory_plan import plan_weights
from selfchal.builtin_models.packages import LORA, QUANTISED, TRAIN, VLLM
from selfchal.builtin_models.rendered import RendersLoaded
from selfchal.builtin_models.weight_sources import find_source_obstacle
from selfchal.core.model import Capability, Generation, Model, Sampling, Stream
from selfchal.core.requirement import Requirement
from selfchal.hosting import Reserve, reserve_nothing
from selfchal.memory.plan import ModelPlan

if TYPE_CHECKING:
    from selfchal.builtin_models.loaded_vllm import LoadedVllm


class VllmModel(RendersLoaded["LoadedVllm"]):
    """A language model that samples through vLLM; with train, transformers trains it in this process."""

    name: ClassVar[str] = "vllm"
    Config: ClassVar[type[BaseModel]] = VllmConfig
    requires: ClassVar[tuple[Requirement, ...]] = (*TRAIN, VLLM, LORA, QUANTISED)

    @classmethod
    def find_obstacle(cls, config: VllmConfig) -> str:
        return _find_shared_gpu(config) or find_device_obstacle(config) or find_source_obstacle(config.path)

    @classmethod
    def find_hosted_staleness_obstacle(cls, config: VllmConfig) -> str:
        if config.sleep:
            return "sleep: true has the servers asleep during updates; give them GPUs of their own without it"
        return ""

    @classmethod
    def find_staleness_obstacle(cls, config: VllmConfig) -> str:
        if obstacle := cls.find_hosted_staleness_obstacle(config):
            return obstacle
        if not config.servers and not config.gpus and may_use_gpu(config):
            return "starts its servers on the GPU that trains; name other GPUs (gpus), or running servers"
        return ""

    @classmethod
    def plan_memory(cls, config: VllmConfig) -> ModelPlan | None:
        if config.servers or (config.gpus and not config.sleep):
            found = plan_weights(config, "apart") if config.train else None
            return found and replace(found, sampler_gpus=len(config.gpus))
        utilisation = config.engine.get("gpu_memory_utilization")
        engine_share = utilisation if isinstance(utilisation, float) else None
        return plan_weights(config, "asleep" if config.sleep else "beside", engine_share)

    @classmethod
    def find_unreachable(cls, config: VllmConfig) -> str:
        if not config.servers:
            return ""
        from selfchal.builtin_models.endpoint import find_unreachable

        roots = [server.rstrip("/").removesuffix("/v1") for server in config.servers]
        return "; ".join(filter(None, (find_unreachable(f"{root}/v1", "/completions") for root in roots)))

    @classmethod
    def provides(cls, config: VllmConfig) -> frozenset[Capability]:
        everything = frozenset(Capability)
        return everything if config.train else everything - {Capability.GRADIENTS}

    @classmethod
    def frozen_config(cls, config: VllmConfig) -> VllmConfig | None:
        """A second server without weights to train; none where running servers take the trained ones, or the
        GPUs are full. Under LoRA nobody asks for it: the first weights are still there."""
        if config.lora is not None:
            return config
        if config.servers or config.gpus or config.sleep:
            return None
        return config.model_copy(update={"train": False, "weights_directory": None})

    @classmethod
    def make_follower(cls, config: VllmConfig) -> Self:
        """The weights alone: the first process of a team starts and asks the servers."""
        return cls(config, samples=False)

    @classmethod
    def make_hosted(cls, config: VllmConfig, reserve: Reserve) -> Self:
        """Its servers live where the engine has room for them, if it has."""
        return cls(config, reserve=reserve)

    def __init__(
        self, config: VllmConfig, *, samples: bool = True, reserve: Reserve = reserve_nothing
    ) -> None:
        """Load the weights and start or find the servers. Raises ModelError, EngineError."""
        from selfchal.builtin_models.loaded_vllm import open_vllm

        self._loaded: LoadedVllm = open_vllm(config, samples=samples, reserve=reserve)

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        return self._loaded.generate(prompts, sampling, adapted=self._loaded.adapted)

    def stream(self, sampling: Sampling) -> Stream:
        return self._loaded.stream(sampling)

    def reset_cache(self) -> None:
        self._loaded.reset_cache()

    @property
    def network(self) -> Any:
        return self._loaded.trained()

    def starting_model(self) -> Model | None:
        """With LoRA the weights below the adapter, from the same servers; None where all are trained."""
        if not self._loaded.adapted:
            return None
        from selfchal.builtin_models.starting_vllm import StartingVllm

        return StartingVllm(self._loaded)

    def open_sampler(self) -> Self:
        """The servers sample on during updates; they take new weights between two turns, also on the way."""
        return self

    def take_weights(self) -> int:
        return self._loaded.push_weights()

    def measure_sampling(self) -> dict[str, float]:
        return self._loaded.measure_sampling()

    def begin_update(self) -> None:
        """With ``sleep``, the servers free their memory until the first sample after ``end_update``."""
        self._loaded.begin_update()

    def end_update(self) -> None:
        self._loaded.end_update()

    def on_weights_updated(self) -> None:
        self._loaded.on_weights_updated()

    def save(self, directory: Path) -> None:
        self._loaded.save(directory)

    def load(self, directory: Path) -> None:
        self._loaded.load(directory)

    def close(self) -> None:
        """Stop what was started."""
        self._loaded.close()


def _find_shared_gpu(config: VllmConfig) -> str:
    """A GPU that a server would take from a process of the training: known where a launcher says how many
    there are, or where ``device`` names it."""
    if config.sleep or not config.train or config.device == "cpu":
        return ""
    several = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ.get("WORLD_SIZE", "1")))
    named = config.device.removeprefix("cuda:")
    trains = set(range(several)) if several > 1 else {int(named)} if named.isdigit() else set()
    if shared := sorted(trains & set(config.gpus)):
        return (
            f"gpus: training runs on GPU {', '.join(map(str, shared))} itself; name others, or share by "
            "turns (sleep: true)"
        )
    return ""
