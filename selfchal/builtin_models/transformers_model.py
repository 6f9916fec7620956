"""The model ``transformers``: any causal decoder from a local directory or a hub name, trained in place.

Light: torch and transformers come in when it is made. The same code runs a decoder of a million
parameters on a laptop and Llama-3.1-8B on a GPU; ``lora`` and ``quantization`` decide what is trained.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from selfchal.builtin_models.packages import LORA, QUANTISED, TRAIN
from selfchal.core.model import Capability, Generation, Message, Sampling, Stream
from selfchal.core.requirement import Requirement


class LoraConfig(BaseModel):
    """Low-rank adapters (Hu et al. 2021) through peft; only they are trained and saved."""

    model_config = ConfigDict(extra="forbid")

    r: int = Field(16, ge=1, description="Rank of the adapters.")
    alpha: int = Field(32, ge=1, description="Scale: an adapter's output is multiplied by alpha / r.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout before the adapters while training.")
    targets: str | tuple[str, ...] = Field(
        "all-linear", description="Names of the layers that get adapters, or all-linear."
    )


class TransformersConfig(BaseModel):
    """Options of every model that runs through transformers."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(description="A directory written by save_pretrained, or a hub name (org/name).")
    device: str = Field("auto", description="auto (a GPU if there is one), cpu, cuda, cuda:1, …")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Precision of the weights; auto is float32 on CPUs, bfloat16 on GPUs."
    )
    threads: int | None = Field(
        None, ge=1, description="CPU threads of torch; by default what torch takes (OMP_NUM_THREADS, cores)."
    )
    context: int | None = Field(
        None, ge=8, description="The most tokens of a conversation; by default the model's own limit."
    )
    batch: int = Field(256, ge=1, description="The most conversations that are generated at a time.")
    prefix_cache_mb: int = Field(
        256, ge=0, description="Memory for the caches of conversations that may go on, in MiB."
    )
    chat_template: str | None = Field(
        None, description="A Jinja template instead of the tokenizer's own; empty for plain text."
    )
    template_date: date | None = Field(
        None,
        description="The date, as 2026-11-28, for a chat template that writes today's date into prompts.",
    )
    lora: LoraConfig | None = Field(None, description="Train low-rank adapters instead of all weights.")
    quantization: Literal["4bit", "8bit"] | None = Field(
        None, description="Load the weights quantised (bitsandbytes, GPU only); with lora this is QLoRA."
    )
    gradient_checkpointing: bool = Field(
        False, description="Recompute activations in the backward pass: less memory, about a third slower."
    )


class TransformersModel:
    """A TrainableModel over a transformers causal decoder. ``generate`` may be called from any thread."""

    name: ClassVar[str] = "transformers"
    Config: ClassVar[type[BaseModel]] = TransformersConfig
    requires: ClassVar[tuple[Requirement, ...]] = (*TRAIN, LORA, QUANTISED)

    @classmethod
    def provides(cls, config: TransformersConfig) -> frozenset[Capability]:
        everything = frozenset(Capability)
        # Quantised weights have no gradient; adapters on top of them do.
        frozen = config.quantization is not None and config.lora is None
        return everything - {Capability.GRADIENTS} if frozen else everything

    def __init__(self, config: TransformersConfig) -> None:
        """Load. Raises ModelError."""
        from selfchal.builtin_models.hosting import load_model

        self._host = load_model(config, config.path)
        self._lock = threading.Lock()

    def render_prompt(self, messages: Sequence[Message]) -> list[int]:
        return list(self._host.renderer.prompt(tuple(messages)))

    def render_turn(self, generation: Generation, message: Message) -> list[int]:
        return self._host.renderer.turn(generation, message)

    def encode(self, text: str) -> list[int]:
        return self._host.renderer.encode(text)

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        with self._lock:
            return self._host.generate(prompts, sampling)

    def stream(self, sampling: Sampling) -> Stream:
        return self._host.stream(sampling, self._lock)

    def reset_cache(self) -> None:
        self._host.on_weights_updated()

    @property
    def context_length(self) -> int:
        return self._host.context

    @property
    def network(self) -> Any:
        return self._host.network

    def on_weights_updated(self) -> None:
        self._host.on_weights_updated()

    def save(self, directory: Path) -> None:
        self._host.save(directory)

    def load(self, directory: Path) -> None:
        self._host.load(directory)

    def close(self) -> None:
        """Drop the caches; the weights go with the object."""
        self._host.on_weights_updated()
