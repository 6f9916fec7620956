"""Memory, tokens and hours of a run before it is started, for ``run --dry-run`` and ``doctor``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from selfchal.core.errors import ManifestError
from selfchal.core.world import Json
from selfchal.memory.shape import FAMILIES
from selfchal.pipeline.footprint import (
    Footprint,
    describe_footprint,
    holds_weights,
    list_footprint_lines,
    measure_footprint,
)
from selfchal.pipeline.gpus import Gpus, find_gpus, parse_gpus
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.stages import UPDATE, Speeds, estimate_hours

_NOT_COUNTED = (
    f"not worked out: only for networks of {', '.join(FAMILIES)} that are not kept on a CPU, and whose "
    "config.json is at hand"
)


class _GpuNumber(click.ParamType[Gpus]):
    name = "COUNTxGB"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Gpus:
        if isinstance(value, Gpus):
            return value
        try:
            return parse_gpus(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def gpus_option(command: click.decorators.FC) -> click.decorators.FC:
    """The option ``--gpus 4x80``."""
    option: Callable[[click.decorators.FC], click.decorators.FC] = click.option(
        "--gpus",
        type=_GpuNumber(),
        help="The GPUs to plan for, such as 4x80: four of 80 GB. By default those of this machine.",
    )
    return option(command)


def plan_memory(manifest: Manifest, gpus: Gpus | None) -> Footprint | None:
    """For these GPUs, or else for those that are found here."""
    return measure_footprint(manifest, gpus or find_gpus())


def describe_memory(footprint: Footprint | None) -> Json:
    return None if footprint is None else describe_footprint(footprint)


def list_memory_lines(footprint: Footprint | None, manifest: Manifest) -> list[str]:
    if footprint is None:
        return [f"  memory     {_NOT_COUNTED}"] if holds_weights(manifest) else []
    return [f"  memory     {line}" for line in list_footprint_lines(footprint)]


def refuse_what_does_not_fit(footprint: Footprint | None) -> None:
    """Raise ManifestError with the nearest options that fit."""
    if footprint is not None and footprint.refusal:
        raise ManifestError(f"model: {footprint.refusal}")


def list_token_lines(tokens: Mapping[str, int], speeds: Speeds) -> list[str]:
    """A line a stage: the most tokens, and hours where a speed is stated."""
    hours = estimate_hours(tokens, speeds)
    lines = []
    for stage, count in tokens.items():
        if not count:
            continue
        what = "tokens through updates" if stage == UPDATE else "tokens sampled"
        took = f", {hours[stage]:.1f} h" if stage in hours else ""
        lines.append(f"  at most    {stage}: {count:,} {what}{took}")
    if hours:
        whole = "" if len(hours) == len([count for count in tokens.values() if count]) else " of these stages"
        lines.append(f"  at most    {sum(hours.values()):.1f} h{whole}, at the speeds that are stated")
    return lines
