"""The model ``vllm``: vLLM samples, and the same weights in this process are trained.

Three places to sample: an engine in this process, a server that this model starts from another Python
environment (``python``), or one that runs already (``server``). After an update the new weights, or
the LoRA adapter, travel through a directory and vLLM loads them in place; its caches are emptied.
Light: everything heavy comes in when it is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from selfchal.builtin_models.config import VllmConfig
from selfchal.builtin_models.packages import LORA, QUANTISED, TRAIN, VLLM
from selfchal.builtin_models.weight_sources import find_source_obstacle
from selfchal.core.model import Capability, Generation, Message, Sampling
from selfchal.core.requirement import Requirement
from selfchal.core.turns import TurnStream


class VllmModel:
    """A language model that samples through vLLM; with train, transformers trains it in this process."""

    name: ClassVar[str] = "vllm"
    Config: ClassVar[type[BaseModel]] = VllmConfig
    requires: ClassVar[tuple[Requirement, ...]] = (*TRAIN, VLLM, LORA, QUANTISED)

    @classmethod
    def find_obstacle(cls, config: VllmConfig) -> str:
        return find_source_obstacle(config.path)

    @classmethod
    def find_unreachable(cls, config: VllmConfig) -> str:
        if config.server is None:
            return ""
        from selfchal.builtin_models.endpoint import find_unreachable

        return find_unreachable(f"{config.server.rstrip('/').removesuffix('/v1')}/v1", "/completions")

    @classmethod
    def provides(cls, config: VllmConfig) -> frozenset[Capability]:
        everything = frozenset(Capability)
        return everything if config.train else everything - {Capability.GRADIENTS}

    @classmethod
    def frozen_config(cls, config: VllmConfig) -> VllmConfig | None:
        """A second engine without weights to train; none where a running server takes the trained ones."""
        if config.server is not None:
            return None
        return config.model_copy(
            update={"train": False, "sleep": False, "lora": None, "weights_directory": None}
        )

    def __init__(self, config: VllmConfig) -> None:
        """Load the weights and start or find vLLM. Raises ModelError."""
        from selfchal.builtin_models.loaded_vllm import open_vllm

        self._loaded = open_vllm(config)

    def render_prompt(self, messages: Sequence[Message]) -> list[int]:
        return list(self._loaded.renderer.prompt(tuple(messages)))

    def render_turn(self, generation: Generation, message: Message) -> list[int]:
        return self._loaded.renderer.turn(generation, message)

    def encode(self, text: str) -> list[int]:
        return self._loaded.renderer.encode(text)

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        return self._loaded.generate(prompts, sampling)

    @property
    def context_length(self) -> int:
        return self._loaded.context

    @property
    def network(self) -> Any:
        """The trained weights. With ``sleep``, vLLM frees its memory from here to the next ``generate``."""
        return self._loaded.trained()

    def on_weights_updated(self) -> None:
        self._loaded.on_weights_updated()

    def stream(self, sampling: Sampling) -> TurnStream:
        return TurnStream(self.generate, sampling)

    def reset_cache(self) -> None:
        self._loaded.reset_cache()

    def save(self, directory: Path) -> None:
        self._loaded.save(directory)

    def load(self, directory: Path) -> None:
        self._loaded.load(directory)

    def close(self) -> None:
        """Stop what was started."""
        self._loaded.close()
