"""How fast a step was: tokens a second of each stage, the part of the GPUs' arithmetic that was used, memory.

Functions of counts and seconds; only ``read_gpu`` looks at a device.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from selfchal.core.episode import Episode, Group
from selfchal.processes import count_processes

# Of dense bfloat16 arithmetic by the makers' data sheets, in 1e12 operations a second, by a part of the name.
# The first that fits counts, so longer names stand before the shorter ones that they hold.
PEAK_TERAFLOPS = {
    "H100 PCIe": 756.0,
    "H100": 989.0,
    "H200": 989.0,
    "B200": 2250.0,
    "A100": 312.0,
    "A10G": 70.0,
    "L40S": 362.0,
    "L40": 181.0,
    "L4": 121.0,
    "A40": 150.0,
    "RTX 4090": 165.0,
    "RTX 3090": 71.0,
}


@dataclass(frozen=True)
class Gpu:
    """``peak`` operations a second, None where not known; ``peak_bytes`` since this was last asked."""

    peak: float | None
    peak_bytes: int


def measure_step(
    network: Any,
    groups: Sequence[Group],
    learnt: Sequence[Episode] | None,
    seconds: Mapping[str, float],
    passes: int,
) -> dict[str, float]:
    """The metrics of one step, whose ``seconds_rollout`` and ``seconds_update`` are known. The update made
    ``passes`` over the episodes ``learnt``, by all processes together; None where there was none."""
    rolled_out = [episode for group in groups for episode in group.episodes]
    tokens = sum(len(episode.ids) for episode in learnt or ())
    took = seconds["seconds_rollout"], seconds["seconds_update"]
    operations = passes * count_operations(network, tokens)
    return describe_speed(rolled_out, learnt or (), took) | describe_gpu(
        read_gpu(network), operations, took[1], count_processes()
    )


def find_peak(name: str) -> float | None:
    """Operations a second of the GPU of this name; None where it is not known."""
    return next((peak * 1e12 for part, peak in PEAK_TERAFLOPS.items() if part in name), None)


def read_gpu(network: Any) -> Gpu | None:
    """The GPU that a network is on, and the most memory that torch took of it since this was last asked."""
    device = next(network.parameters()).device
    if device.type != "cuda":
        return None
    most = torch.cuda.max_memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    return Gpu(find_peak(torch.cuda.get_device_name(device)), most)


def count_sampled(episodes: Iterable[Episode]) -> int:
    """Tokens that the agent sampled."""
    return sum(sum(episode.mask) for episode in episodes)


def count_operations(network: Any, tokens: int) -> int:
    """Of a forward and a backward pass over so many tokens, by the usual count: two for each weight and token
    forward, two for the gradients of activations, two for those of trained weights. Attention between tokens
    is left out, and so is what is computed a second time to save memory."""
    weights: int = sum(weight.numel() for weight in network.parameters())
    trained: int = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    return (4 * weights + 2 * trained) * tokens


def describe_speed(
    rolled_out: Sequence[Episode], learnt: Sequence[Episode], seconds: tuple[float, float]
) -> dict[str, float]:
    """``tokens_per_second_rollout`` of sampled tokens, ``tokens_per_second_update`` of whole conversations;
    ``seconds`` of the two stages. A stage without tokens says nothing."""
    counts = {
        "tokens_per_second_rollout": count_sampled(rolled_out),
        "tokens_per_second_update": sum(len(episode.ids) for episode in learnt),
    }
    return {
        name: count / took
        for (name, count), took in zip(counts.items(), seconds, strict=True)
        if count and took > 0
    }


def describe_gpu(gpu: Gpu | None, operations: int, seconds: float, gpus: int) -> dict[str, float]:
    """``mfu``, the part of the arithmetic of all ``gpus`` that the update used, and ``peak_memory_gb`` of the
    first one; nothing on a CPU."""
    if gpu is None:
        return {}
    found = {"peak_memory_gb": gpu.peak_bytes / 1e9}
    if gpu.peak is not None and operations and seconds > 0:
        found["mfu"] = operations / (seconds * gpus * gpu.peak)
    return found
