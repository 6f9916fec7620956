"""``selfchal env replay``: tool calls from a file against a fresh world, no model anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from selfchal.api.opening import open_environment
from selfchal.cli.groups import SuggestingGroup
from selfchal.cli.options import plugin_option, read_options
from selfchal.cli.terminal import say_json
from selfchal.core.errors import ManifestError
from selfchal.core.world import Json, World
from selfchal.judging.rows import UnreadableRow
from selfchal.pipeline.sources import read_lines


@click.group(cls=SuggestingGroup)
def env() -> None:
    """Call an environment's tools without a model."""


@env.command("replay")
@click.argument("name")
@click.argument("calls", type=click.Path(path_type=Path))
@plugin_option("environment")
def replay(name: str, calls: Path, overrides: tuple[str, ...]) -> None:
    """Make the tool calls of a JSONL file, each on the world that the calls before it left.

    A line {"name": …, "kwargs": {…}} (or "args": […]) gives a line {"obs": …, "changed": …, "sha256": …}
    with the text an agent sees and the sha256 of the whole state. A line {"reset": true} starts afresh
    and gives nothing.
    """
    lines = [
        _check_call(row, f"{calls}, line {number}") for number, row in read_lines(calls, "file of calls")
    ]
    environment = open_environment(name, **read_options(overrides))
    for row in _replay(environment.open({}), lines):
        say_json(row)


def _check_call(row: Json | UnreadableRow, where: str) -> dict[str, Json]:
    """The row as a call or a reset. Raises ManifestError."""
    if isinstance(row, UnreadableRow):
        raise ManifestError(f"{where}: {row.reason}")
    if isinstance(row, dict) and row.get("reset") is True:
        return row
    if not (isinstance(row, dict) and isinstance(row.get("name"), str)):
        raise ManifestError(f'{where}: write {{"name": "<tool>", "kwargs": {{…}}}} or {{"reset": true}}')
    if not (isinstance(row.get("kwargs", {}), dict) and isinstance(row.get("args", []), list)):
        raise ManifestError(f"{where}: kwargs is an object, args is a list")
    return row


def _replay(world: World, lines: list[dict[str, Json]]) -> Iterator[dict[str, Json]]:
    """The whole state is hashed only when the cheap digest says that it changed."""
    sha256: dict[str, str] = {}
    for row in lines:
        if row.get("reset") is True:
            world.reset()
            continue
        before = world.digest()
        result = world.call(row["name"], row.get("args", []), row.get("kwargs", {}))
        after = world.digest()
        if after not in sha256:
            sha256[after] = world.canonical_sha256()
        yield {"obs": world.show(result), "changed": before != after, "sha256": sha256[after]}
