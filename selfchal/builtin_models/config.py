"""Options of the models that hold weights here: what a manifest's ``model:`` section may say of them.

Light: imports pydantic alone, so that a manifest is checked before torch is loaded.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from selfchal.builtin_models.addresses import check_address
from selfchal.builtin_models.template_options import check_template_arguments


class LoraConfig(BaseModel):
    """Low-rank adapters (Hu et al. 2021) through peft; only they are trained and saved."""

    model_config = ConfigDict(extra="forbid")

    r: int = Field(16, ge=1, le=65_536, description="Rank of the adapters.")
    alpha: int = Field(32, ge=1, description="Scale: an adapter's output is multiplied by alpha / r.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout before the adapters while training.")
    targets: str | tuple[str, ...] = Field(
        "all-linear", description="Names of the layers that get adapters, or all-linear."
    )


class WeightsConfig(BaseModel):
    """What the models share that are made of a directory of weights."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(description="A directory written by save_pretrained, or a hub name (org/name).")
    context: int | None = Field(
        None, ge=8, description="The most tokens of a conversation; by default the model's own limit."
    )
    chat_template: str | None = Field(
        None,
        description="A Jinja template instead of the tokenizer's own, or the path of a file that holds one; "
        "empty for plain text.",
    )
    chat_template_kwargs: dict[str, Any] = Field(
        default_factory=dict,
        description="Variables of the chat template, such as enable_thinking: false.",
    )
    template_date: date | None = Field(
        None,
        description="The date, as 2026-11-28, for a chat template that writes today's date into prompts.",
    )
    lora: LoraConfig | None = Field(None, description="Train low-rank adapters instead of all weights.")

    @field_validator("chat_template_kwargs")
    @classmethod
    def _check_template_arguments(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        return check_template_arguments(arguments)


class TransformersConfig(WeightsConfig):
    """Options of every model that runs through transformers."""

    device: str = Field("auto", description="auto (a GPU if there is one), cpu, cuda, cuda:1, …")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Precision of the weights; auto is float32 on CPUs, bfloat16 on GPUs."
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=4_096,
        description="CPU threads of torch; by default what torch takes (OMP_NUM_THREADS, cores).",
    )
    batch: int = Field(
        256, ge=1, le=100_000, description="The most conversations that are generated at a time."
    )
    prefix_cache_mb: int = Field(
        256, ge=0, description="Memory for the caches of conversations that may go on, in MiB."
    )
    quantization: Literal["4bit", "8bit"] | None = Field(
        None, description="Load the weights quantised (bitsandbytes, GPU only); with lora this is QLoRA."
    )
    gradient_checkpointing: bool = Field(
        False, description="Recompute activations in the backward pass: less memory, about a third slower."
    )


class VllmConfig(WeightsConfig):
    """What is sampled from, where, and what of it is trained here."""

    model_config = ConfigDict(hide_input_in_errors=True)

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
    concurrency: int = Field(
        128, ge=1, le=10_000, description="The most requests to a server under way at a time."
    )
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
