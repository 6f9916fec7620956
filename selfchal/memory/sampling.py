"""The bytes of one GPU while episodes are sampled: what training keeps, and what the sampler takes."""

from __future__ import annotations

from selfchal.memory.plan import Machine, ModelPlan, TrainerPlan
from selfchal.memory.updating import (
    DRIVER_BYTES,
    Parts,
    count_cache_bytes,
    count_update_parts,
    find_split,
)

_KEPT = ("weights", "masters", "moments", "reference", "critic", "driver")  # from one update to the next


def count_sampling_parts(model: ModelPlan, trainer: TrainerPlan | None, machine: Machine) -> Parts:
    """By part; without a trainer the sampler has the GPU to itself. ``KV cache`` is the least that works."""
    held = model.held_bytes
    if trainer is None:
        return {"weights": held, "KV cache": count_cache_bytes(model), "driver": DRIVER_BYTES}
    updating = count_update_parts(model, trainer, machine)
    kept = {part: updating[part] for part in _KEPT}
    if find_split(trainer, machine) > 1:
        kept["weights"] += held  # the first process puts the whole weights together, to sample or to send
    if model.sampler == "apart":
        return kept
    if model.sampler == "beside":
        return kept | {"sampler": updating["sampler"]}
    cache = {"KV cache": count_cache_bytes(model)}
    if model.sampler == "shared":
        return kept | cache
    if model.engine_share is not None:
        return kept | {"sampler": round(model.engine_share * machine.gpu_bytes)}
    return kept | {"sampler": held} | cache


def count_cache_tokens(model: ModelPlan, free: int) -> int:
    """How many tokens of conversations such free bytes hold at a time, in a cache of two bytes a number."""
    return max(0, free) // (2 * model.shape.kv_values)
