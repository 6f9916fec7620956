"""``selfchal report``: a run's report as one HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from selfchal.cli.terminal import say
from selfchal.report import write_report


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="The page to write (default: RUN/report.html).")
def report(run: Path, out: Path | None) -> None:
    """Write a run's report as one HTML page."""
    say(str(write_report(run, out)))
