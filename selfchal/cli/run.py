"""``selfchal run``: a manifest from start to end, or on from where it was stopped."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import click

from selfchal.api import running
from selfchal.cli.estimate import Forecasted, estimate_cost, print_cost
from selfchal.cli.footprint import gpus_option, plan_memory
from selfchal.cli.manifest import describe, set_option
from selfchal.cli.outcome import exit_where_too_many_unjudged, print_outcome
from selfchal.cli.progress import progress_on
from selfchal.cli.terminal import open_console, say, say_json, say_on
from selfchal.core.world import Json
from selfchal.pipeline.distributed import is_follower
from selfchal.pipeline.gpus import Gpus
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.stages import Speeds
from selfchal.report.page import REPORT

INTERRUPTED = 130


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@set_option
@click.option("--out", type=click.Path(path_type=Path), help="The run directory (default: runs/NAME).")
@click.option("--resume", is_flag=True, help="Go on with the run in that directory, or start it.")
@click.option("--dry-run", is_flag=True, help="Say what would happen and what it would cost, and stop.")
@click.option(
    "--pilot",
    type=click.IntRange(1),
    metavar="N",
    help="With --dry-run: make N proposals, play some of the tasks, and estimate the run from that.",
)
@gpus_option
@click.option(
    "--sampling-speed",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="With --dry-run: tokens a second that are sampled, by all GPUs; hours follow from it.",
)
@click.option(
    "--training-speed",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="With --dry-run: tokens a second that go through an update, by all GPUs.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print results.json at the end; progress goes to stderr."
)
@click.pass_context
def run(
    ctx: click.Context,
    file: Path,
    overrides: tuple[str, ...],
    out: Path | None,
    resume: bool,
    dry_run: bool,
    pilot: int | None,
    gpus: Gpus | None,
    sampling_speed: float | None,
    training_speed: float | None,
    as_json: bool,
) -> None:
    """Run a manifest: challenge, judge, train, evaluate, report.

    Ends with exit code 3 where more than 1 % of a score's episodes, and at least five, could not be judged;
    the same command with --resume plays those again, and nothing else.
    """
    manifest = running.load_manifest(file, overrides)
    directory = running.directory_of(manifest, out)
    if pilot and not dry_run:
        raise click.UsageError("--pilot is for --dry-run: it tries the run out and makes no run directory")
    if (gpus or sampling_speed or training_speed) and not dry_run:
        raise click.UsageError("--gpus, --sampling-speed and --training-speed are for --dry-run")
    if dry_run:
        _print_dry_run(manifest, directory, pilot, gpus, Speeds(sampling_speed, training_speed), as_json)
        return
    if is_follower():
        running.run(manifest)
        return
    settings = (f"--set={override}" for override in overrides)
    again = f"selfchal run {shlex.join([str(file), *settings, f'--out={directory}', '--resume'])}"
    try:
        results = _run(manifest, directory, resume, as_json)
    except KeyboardInterrupt:
        say(f"\nStopped; nothing that was done is lost. Go on with:\n  {again}", err=True)
        ctx.exit(INTERRUPTED)
    exit_where_too_many_unjudged(ctx, results, f"play them again with\n  {again}\n")


def _print_dry_run(
    manifest: Manifest, directory: Path, pilot: int | None, gpus: Gpus | None, speeds: Speeds, as_json: bool
) -> None:
    footprint = plan_memory(manifest, gpus)
    cost = estimate_cost(manifest, None if footprint is None else footprint.plan.model.context)
    fits = footprint is None or footprint.fits is not False
    tried = running.run_pilot(manifest, pilot, watch=progress_on("stderr")) if pilot and fits else None
    print_cost(manifest, directory, cost, as_json, Forecasted(footprint, speeds, tried))


def _run(manifest: Manifest, directory: Path, resume: bool, as_json: bool) -> Mapping[str, Json]:
    console = open_console(err=as_json)
    say_on(console, describe(manifest))
    watch = progress_on("stderr" if as_json else "stdout", manifest)
    results = running.run(manifest, directory, resume=resume, watch=watch)
    print_outcome(console, results)
    say_on(console, f"\nThe report: {directory / REPORT}")
    if as_json:
        say_json(results)
    return results
