"""The memory that a manifest's run takes of each GPU: what its plugins say, put together with the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from selfchal.core.world import Json
from selfchal.memory.fitting import Plan, find_nearest
from selfchal.memory.plan import Machine, ModelPlan, TrainerPlan
from selfchal.memory.sampling import count_cache_tokens
from selfchal.memory.updating import Parts
from selfchal.pipeline.gpus import Gpus
from selfchal.pipeline.manifest import Manifest
from selfchal.processes import count_processes

GB = 1_000_000_000


@dataclass(frozen=True)
class Footprint:
    """``plan`` supposes a GPU of endless memory where none is known; ``gpus`` are then None."""

    plan: Plan
    gpus: Gpus | None

    @property
    def fits(self) -> bool | None:
        """None where there is no GPU to compare with."""
        return None if self.gpus is None else self.plan.fits

    @property
    def refusal(self) -> str:
        """What does not fit and the nearest options that do; empty where it fits, or nothing is known."""
        if self.gpus is None or self.plan.fits:
            return ""
        need, has = format_gigabytes(self.plan.need), format_gigabytes(self.gpus.bytes)
        sentence = f"a GPU needs {need}, and {'each' if self.gpus.count > 1 else 'it'} has {has}"
        change = find_nearest(self.plan)
        if change is None:
            return f"{sentence}; no change of options fits it: take a smaller model, or larger GPUs"
        return f"{sentence}. The nearest that fits, in {format_gigabytes(change.plan.need)}: {change.words}"


def measure_footprint(manifest: Manifest, gpus: Gpus | None) -> Footprint | None:
    """None where the model holds no weights on a GPU, or its network is not one that can be counted.

    ``gpus``: those to plan for. Where torchrun started several processes each has one; otherwise all that a
    person named are taken to be started on, and one of those that were found.
    """
    model = _find_plan(manifest.model.plugin, manifest.model.config)
    if model is None:
        return None
    chosen = manifest.trainer
    trainer = None if chosen is None else _find_plan(chosen.plugin, chosen.config)
    return Footprint(join_plan(model, trainer, gpus), gpus)


def holds_weights(manifest: Manifest) -> bool:
    """Is the model of a kind that has weights here at all?"""
    return "plan_memory" in dir(manifest.model.plugin)  # a plugin need not have it


def join_plan(model: ModelPlan, trainer: TrainerPlan | None, gpus: Gpus | None) -> Plan:
    started = count_processes()
    named = gpus.count - model.sampler_gpus if gpus and gpus.named else 1
    machine = Machine(max(started, named), gpus.bytes if gpus else 2**60)
    return Plan(model, trainer, machine)


def _find_plan(plugin: type[Any], config: Any) -> Any:
    plan = getattr(plugin, "plan_memory", None)  # a plugin need not have it
    return None if plan is None else plan(config)


def describe_footprint(footprint: Footprint) -> dict[str, Json]:
    """As JSON: bytes by part at both moments, what is needed, the GPUs, and what would fit."""
    plan = footprint.plan
    change = find_nearest(plan) if footprint.fits is False else None
    return {
        "updating": _list_used(plan.updating),
        "sampling": _list_used(plan.sampling),
        "need": plan.need,
        "processes": plan.machine.processes,
        "gpus": footprint.gpus and footprint.gpus.describe(),
        "fits": footprint.fits,
        "nearest": change and change.words,
    }


def list_footprint_lines(footprint: Footprint) -> list[str]:
    """A line for each moment, and one for what follows from them."""
    plan = footprint.plan
    lines = [_format_parts(moment, parts) for moment, parts in _list_moments(plan) if parts]
    started = f"{plan.machine.processes} process{'es' if plan.machine.processes > 1 else ''}"
    if footprint.gpus is None:
        return [*lines, f"GPUs: none found, counted for {started}; --gpus 4x80 plans for four of 80 GB"]
    each = f"GPUs: {footprint.gpus}, {started}"
    if not plan.fits:
        return [*lines, f"{each}: it does not fit"]
    free = plan.machine.gpu_bytes - sum(plan.sampling.values()) + plan.sampling.get("KV cache", 0)
    if "KV cache" not in plan.sampling:
        return [*lines, f"{each}: it fits"]
    tokens = count_cache_tokens(plan.model, free)
    return [*lines, f"{each}: it fits, with {tokens:,} tokens of conversations sampled at a time"]


def _list_moments(plan: Plan) -> list[tuple[str, Parts]]:
    return [("updating", plan.updating), ("sampling", plan.sampling)]


def _list_used(parts: Parts) -> dict[str, Json]:
    return {part: count for part, count in parts.items() if count}


def _format_parts(moment: str, parts: Parts) -> str:
    said = ", ".join(f"{part} {count / GB:.1f}" for part, count in parts.items() if count >= GB / 20)
    return f"{moment} {format_gigabytes(sum(parts.values()))} a GPU: {said}"


def format_gigabytes(count: int) -> str:
    return f"{count / GB:.1f} GB"
