"""What vLLM servers are started with: their options, their GPUs, and how much of a shared GPU each may take.

Heavy: imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from selfchal.builtin_models import loading
from selfchal.builtin_models.config import VllmConfig
from selfchal.builtin_models.fleet import Origin
from selfchal.builtin_models.hosted_server import host_servers
from selfchal.builtin_models.vllm_process import GivenServer, ServerProcess
from selfchal.builtin_models.weight_push import NCCL_OPTION
from selfchal.core.errors import ModelError
from selfchal.hosting import Reservation, Reserve, reserve_nothing

SHARE = "gpu_memory_utilization"
KEPT = 12  # bytes that an optimiser keeps for each trained number: its float32 copy and two moments
OWN_BYTES = 2 * 2**30  # of CUDA itself, and of the memory that torch does not give back
RANKS = (
    8,
    16,
    32,
    64,
    128,
    256,
    320,
    512,
)  # of adapters that vLLM takes; a smaller one fits in a larger slot


def list_origins(config: VllmConfig, path: str, reserve: Reserve = reserve_nothing) -> list[Origin]:
    """Where the servers come from; nothing is started yet, and room on other machines is reserved where the
    engine gives any. Raises ModelError for what cannot work here, EngineError where there is no room."""
    if config.servers:
        return [GivenServer(address.rstrip("/").removesuffix("/v1")) for address in config.servers]
    size, count = config.tensor_parallel, config.server_count
    reservation = reserve(count, size)
    if reservation is not None:
        _check_elsewhere(config, reservation)
        options = _leave_dtype_open(config, make_options(config))
        return list(host_servers(reservation, count, config.python, path, options))
    _check_room(config)
    options = make_options(config)
    parts = [config.gpus[i * size : (i + 1) * size] for i in range(count)]
    origins = [ServerProcess(config.python, path, options, gpus) for gpus in parts]
    origins[0].check_python()
    return list(origins)


def _check_elsewhere(config: VllmConfig, reservation: Reservation) -> None:
    """Raise ModelError for what belongs to servers of this machine."""
    wrong = [name for name in ("gpus", "sleep") if getattr(config, name)]
    if config.push == "nccl":
        wrong.append("push: nccl")
    if wrong:
        reservation.close()
        raise ModelError(
            f"model: the engine starts the servers on the cluster (engine.servers), and {', '.join(wrong)} "
            "belong to servers of this machine: leave them out, and say how many there are (replicas)"
        )


def _leave_dtype_open(config: VllmConfig, options: dict[str, Any]) -> dict[str, Any]:
    """``auto`` is what this machine trains in; where it trains nothing, the servers' machines decide."""
    if config.dtype == "auto" and not config.train and "dtype" not in config.engine:
        options.pop("dtype")
    return options


def make_options(config: VllmConfig) -> dict[str, Any]:
    """The options of a server that is started here; those of ``engine`` have the last word."""
    dtype = str(loading.pick_dtype(config.dtype, loading.pick_device(config.device))).removeprefix("torch.")
    options: dict[str, Any] = {"dtype": dtype, "enable_prefix_caching": True, "trust_remote_code": False}
    if config.context is not None:
        options["max_model_len"] = config.context
    if config.tensor_parallel > 1:
        options["tensor_parallel_size"] = config.tensor_parallel
    if config.lora is not None:
        rank = config.lora.r
        options |= {"enable_lora": True, "max_lora_rank": next((r for r in RANKS if r >= rank), rank)}
    if config.sleep:
        options["enable_sleep_mode"] = True
    if config.push == "nccl":
        options |= NCCL_OPTION
    return options | config.engine


def limit_share(origins: Sequence[Origin], config: VllmConfig, network: Any) -> None:
    """Leave to a training on the same GPU what it keeps between updates. vLLM takes nine tenths otherwise.

    Raises ModelError where too little is left for the weights and the cache.
    """
    if not config.sleep or SHARE in config.engine or network.device.type != "cuda":
        return
    held = sum(weight.numel() * weight.element_size() for weight in network.parameters())
    trained = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    total = torch.cuda.get_device_properties(network.device).total_memory
    share = 0.95 - (held + KEPT * trained + OWN_BYTES) / total
    if share * total < 1.2 * held / config.tensor_parallel:
        raise ModelError(
            f"model: between updates training keeps {(held + KEPT * trained) / 2**30:.0f} GiB of a GPU of "
            f"{total / 2**30:.0f}, and vLLM's own weights do not fit beside that. Train adapters (lora), or "
            "let vLLM have GPUs of its own (gpus)."
        )
    for origin in origins:
        if isinstance(origin, ServerProcess):
            origin.options = {**origin.options, SHARE: round(share, 2)}


def free_cached_memory(network: Any) -> None:
    """Give back what torch keeps of an update for the next one: the servers need it before that."""
    if network.device.type == "cuda":
        torch.cuda.empty_cache()


def _check_room(config: VllmConfig) -> None:
    """A server takes nine tenths of a GPU, so beside a training that is not moved away there is no room."""
    alone = not config.train or loading.pick_device(config.device).type != "cuda"
    if alone or config.sleep or config.gpus or SHARE in config.engine:
        return
    raise ModelError(
        f"model: vLLM would take the GPU that training runs on ({torch.cuda.get_device_name()}). Name other "
        "GPUs for it (gpus: [1]), or share this one by turns (sleep: true)."
    )
