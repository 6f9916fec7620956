"""The model ``vllm``: vLLM samples, and the same weights in this process are trained.

Three places to sample: an engine in this process, a server that this model starts from another Python
environment (``python``), or one that runs already (``server``). After an update the new weights, or
the LoRA adapter, travel through a directory and vLLM loads them in place; its caches are emptied.
Light: everything heavy comes in when it is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from selfchal.builtin_models.addresses import check_address
from selfchal.builtin_models.packages import LORA, QUANTISED, TRAIN, VLLM
from selfchal.builtin_models.transformers_model import LoraConfig
from selfchal.core.model import Capability, Generation, Message, Sampling
from selfchal.core.requirement import Requirement
from selfchal.core.turns import TurnStream


class VllmConfig(BaseModel):
    """What is sampled from, where, and what of it is trained here."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    path: str = Field(description="A directory written by save_pretrained, or a hub name (org/name).")
    server: str | None = Field(
        None,
        description="Address of a running server, as http://127.0.0.1:8000. To be trained with, it must run "
        "on this machine with VLLM_SERVER_DEV_MODE=1 and listen on loopback alone.",
    )
    python: str | None = Field(
        None, description="Start a server with this Python, of an environment where vLLM is installed."
    )
    engine: dict[str, Any] = Field(
        default_factory=dict,
        description="More options of vLLM's engine (gpu_memory_utilization, tensor_parallel_size, …), for an "
        "engine or server that is started here.",
    )
    train: bool = Field(True, description="Hold the weights in this process too, for gradients.")
    device: str = Field("auto", description="Where the trained weights are: auto, cpu, cuda, cuda:1, …")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Precision here and in vLLM; auto is float32 on CPUs, bfloat16 on GPUs."
    )
    context: int | None = Field(
        None, ge=8, description="The most tokens of a conversation; by default the model's own limit."
    )
    chat_template: str | None = Field(
        None, description="A Jinja template instead of the tokenizer's own; empty for plain text."
    )
    template_date: date | None = Field(
        None,
        description="The date, as 2026-11-28, for a chat template that writes today's date into prompts.",
    )
    concurrency: int = Field(128, ge=1, description="The most requests to a server under way at a time.")
    lora: LoraConfig | None = Field(None, description="Train low-rank adapters instead of all weights.")
    quantization: Literal["4bit", "8bit"] | None = Field(
        None, description="Hold the weights here quantised (bitsandbytes, GPU only); with lora this is QLoRA."
    )
    gradient_checkpointing: bool = Field(False, description="Recompute activations in the backward pass.")
    sleep: bool = Field(
        False, description="Free vLLM's GPU memory while gradients are made, for one GPU that does both."
    )
    weights_directory: Path | None = Field(
        None, description="Directory through which new weights travel; by default a temporary one."
    )

    @field_validator("server")
    @classmethod
    def _check_server(cls, server: str | None) -> str | None:
        return None if server is None else check_address(server)

    @field_validator("engine")
    @classmethod
    def _check_engine(cls, engine: dict[str, Any]) -> dict[str, Any]:
        if "trust_remote_code" in {name.replace("-", "_") for name in engine}:
            raise ValueError("code that comes with a model is never run: leave trust_remote_code out")
        return engine

    @model_validator(mode="after")
    def _check_one_source(self) -> VllmConfig:
        if self.server is not None and (self.python is not None or self.engine):
            raise ValueError("server is a running one: leave python and engine out, or server")
        if self.quantization is not None and self.lora is None and self.train:
            raise ValueError("quantised weights cannot be trained: add lora, or set train to false")
        return self


class VllmModel:
    """A TrainableModel (with ``train``) whose samples come from vLLM; ``generate`` works from any thread."""

    name: ClassVar[str] = "vllm"
    Config: ClassVar[type[BaseModel]] = VllmConfig
    requires: ClassVar[tuple[Requirement, ...]] = (*TRAIN, VLLM, LORA, QUANTISED)

    @classmethod
    def provides(cls, config: VllmConfig) -> frozenset[Capability]:
        everything = frozenset(Capability)
        return everything if config.train else everything - {Capability.GRADIENTS}

    def __init__(self, config: VllmConfig) -> None:
        """Load the weights and start or find vLLM. Raises ModelError."""
        from selfchal.builtin_models.vllm_host import open_vllm

        self._host = open_vllm(config)

    def render_prompt(self, messages: Sequence[Message]) -> list[int]:
        return list(self._host.renderer.prompt(tuple(messages)))

    def render_turn(self, generation: Generation, message: Message) -> list[int]:
        return self._host.renderer.turn(generation, message)

    def encode(self, text: str) -> list[int]:
        return self._host.renderer.encode(text)

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        return self._host.generate(prompts, sampling)

    @property
    def context_length(self) -> int:
        return self._host.context

    @property
    def network(self) -> Any:
        """The trained weights. With ``sleep``, vLLM frees its memory from here to the next ``generate``."""
        return self._host.trained()

    def on_weights_updated(self) -> None:
        self._host.on_weights_updated()

    def stream(self, sampling: Sampling) -> TurnStream:
        return TurnStream(self.generate, sampling)

    def reset_cache(self) -> None:
        self._host.reset_cache()

    def save(self, directory: Path) -> None:
        self._host.save(directory)

    def load(self, directory: Path) -> None:
        self._host.load(directory)

    def close(self) -> None:
        """Stop what was started."""
        self._host.close()
