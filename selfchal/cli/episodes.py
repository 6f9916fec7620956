"""``selfchal episodes``: the episodes of a run for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from selfchal.api.reading import open_run
from selfchal.cli.groups import SuggestingGroup
from selfchal.cli.terminal import say
from selfchal.interop.inspect_log import export_episodes


@click.group(cls=SuggestingGroup)
def episodes() -> None:
    """Write a run's episodes for other programs."""


@episodes.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--to", "target", type=click.Choice(["inspect"]), required=True, help="See below.")
def export(run: Path, directory: Path, target: str) -> None:
    """Write a run's evaluation episodes into DIRECTORY.

    \b
    inspect  a log for each measurement, which `inspect view` and Scout open
    """
    count = export_episodes(open_run(run), directory)
    say(f"Wrote {count} episodes to {directory}; see them with: inspect view --log-dir {directory}")
