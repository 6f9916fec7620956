"""Options of the models that hold weights here: what a manifest's ``model:`` section may say of them.

Light: imports pydantic alone, so that a manifest is checked before torch is loaded.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from selfchal.builtin_models.addresses import check_address, is_loopback
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
    prefix_cache_mb: int | None = Field(
        None,
        ge=0,
        description="Memory for the caches of conversations that may go on, in MiB; by default enough for "
        "batch of them, and a quarter of what there is at most.",
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

    servers: tuple[str, ...] = Field(
        (),
        description="Addresses of running servers, as [http://127.0.0.1:8000]; without any, servers are "
        "started here. To be trained with, each must run with VLLM_SERVER_DEV_MODE=1 and listen on loopback "
        "alone.",
    )
    gpus: tuple[int, ...] = Field(
        (),
        description="The GPUs of the servers that are started here, as [4, 5, 6, 7]; by default those that "
        "this process sees.",
    )
    replicas: int | None = Field(
        None, ge=1, le=1_024, description="Servers to start; by default as many as the gpus hold, or one."
    )
    tensor_parallel: int = Field(
        1, ge=1, le=64, description="GPUs over which each server splits the weights."
    )
    python: str | None = Field(
        None,
        description="Start servers with this Python, of an environment where vLLM is installed; by default "
        "with the one that runs selfchal.",
    )
    engine: dict[str, Any] = Field(
        default_factory=dict,
        description="More options of vLLM's engine (gpu_memory_utilization, max_num_seqs, …), for servers "
        "that are started here.",
    )
    train: bool = Field(True, description="Hold the weights in this process too, for gradients.")
    device: str = Field("auto", description="Where the trained weights are: auto, cpu, cuda, cuda:1, …")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Precision here and in vLLM; auto is float32 on CPUs, bfloat16 on GPUs."
    )
    concurrency: int = Field(
        128,
        ge=1,
        le=10_000,
        description="The most requests under way at a time, times the number of servers.",
    )
    quantization: Literal["4bit", "8bit"] | None = Field(
        None, description="Hold the weights here quantised (bitsandbytes, GPU only); with lora this is QLoRA."
    )
    gradient_checkpointing: bool = Field(False, description="Recompute activations in the backward pass.")
    sleep: bool = Field(
        False, description="Free the servers' GPU memory around every update, for GPUs that sample and train."
    )
    push: Literal["directory", "nccl"] = Field(
        "directory",
        description="How new weights reach the servers: written to a directory and read there, or from GPU "
        "to GPU (needs vLLM in this Python too). An adapter goes through the directory.",
    )
    weights_directory: Path | None = Field(
        None,
        description="Directory through which new weights travel; by default a temporary one. Servers on "
        "other machines must see it under the same path.",
    )

    @property
    def server_count(self) -> int:
        """How many servers sample."""
        return len(self.servers) or self.replicas or max(1, len(self.gpus) // self.tensor_parallel)

    @field_validator("servers")
    @classmethod
    def _check_servers(cls, servers: tuple[str, ...]) -> tuple[str, ...]:
        for server in servers:
            check_address(server)
        if len({server.rstrip("/").removesuffix("/v1") for server in servers}) < len(servers):
            raise ValueError("a server is named twice; name each once")
        return servers

    @field_validator("gpus")
    @classmethod
    def _check_gpus(cls, gpus: tuple[int, ...]) -> tuple[int, ...]:
        if min(gpus, default=0) < 0:
            raise ValueError("a GPU has a number from 0, as nvidia-smi shows it")
        if len(set(gpus)) < len(gpus):
            raise ValueError("a GPU is named twice, and two servers do not fit on one; name each once")
        return gpus

    @field_validator("engine")
    @classmethod
    def _check_engine(cls, engine: dict[str, Any]) -> dict[str, Any]:
        names = {name.replace("-", "_") for name in engine}
        if "trust_remote_code" in names:
            raise ValueError("code that comes with a model is never run: leave trust_remote_code out")
        if "tensor_parallel_size" in names:
            raise ValueError("write tensor_parallel beside engine instead of tensor_parallel_size in it")
        return engine

    @model_validator(mode="after")
    def _check_together(self) -> VllmConfig:
        if obstacle := find_contradiction(self):
            raise ValueError(obstacle)
        return self


def find_contradiction(config: VllmConfig) -> str:
    """What of these options cannot go together, as a sentence with the cure; empty where all can."""
    starts = [name for name in ("python", "engine", "gpus", "replicas") if getattr(config, name)]
    starts += ["tensor_parallel"] if config.tensor_parallel > 1 else []
    if config.servers and starts:
        return f"servers are running ones: leave out {', '.join(starts)}, or servers"
    held = config.server_count * config.tensor_parallel
    if config.gpus and len(config.gpus) != held:
        return (
            f"gpus names {len(config.gpus)}, and servers of {config.tensor_parallel} each, "
            f"{config.server_count} of them, take {held}: name {held}, or change replicas or tensor_parallel"
        )
    if config.quantization is not None and config.lora is None and config.train:
        return "quantised weights cannot be trained: add lora, or set train to false"
    if config.sleep and not config.train:
        return "sleep makes room for training, and train is false: leave one of them out"
    return _find_push_contradiction(config)


def _find_push_contradiction(config: VllmConfig) -> str:
    away = [server for server in config.servers if not is_loopback(server)]
    if away and config.sleep:
        return f"sleep frees a GPU of this machine, and {away[0]} is elsewhere: leave sleep out"
    if away and config.train and config.weights_directory is None:
        return (
            f"new weights cannot reach {away[0]}, which is on another machine: name a weights_directory that "
            "both see under the same path, run the server here, or set train to false"
        )
    if config.push == "nccl" and (config.servers or config.sleep or config.lora or not config.gpus):
        return (
            "push: nccl goes from the trainer's GPU to those of servers that are started here: name gpus, "
            "and leave out servers, sleep and lora; or push through the directory"
        )
    return ""
