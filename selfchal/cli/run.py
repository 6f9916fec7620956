"""``selfchal run``: a manifest from start to end, or on from where it was stopped."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import click
from rich.console import Console

from selfchal.cli.estimate import estimate_cost, print_cost
from selfchal.cli.manifest import describe, set_option
from selfchal.cli.outcome import print_outcome
from selfchal.cli.progress import watchers_of
from selfchal.pipeline.distributed import follow, is_follower
from selfchal.pipeline.manifest import Manifest, read_manifest, validate
from selfchal.pipeline.store import Store
from selfchal.plugins import Plugins, load_plugins
from selfchal.report import write_report

INTERRUPTED = 130


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@set_option
@click.option("--out", type=click.Path(path_type=Path), help="The run directory (default: runs/NAME).")
@click.option("--resume", is_flag=True, help="Go on with the run in that directory, or start it.")
@click.option("--dry-run", is_flag=True, help="Say what would happen and what it would cost, and stop.")
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
    as_json: bool,
) -> None:
    """Run a manifest: challenge, judge, train, evaluate, report."""
    plugins = load_plugins()
    manifest = validate(read_manifest(file, overrides), plugins)
    directory = out or Path("runs") / manifest.settings.run.name
    if dry_run:
        print_cost(manifest, directory, estimate_cost(manifest), as_json)
        return
    if is_follower():
        follow(manifest)
        return
    try:
        _run(manifest, directory, plugins, resume, as_json)
    except KeyboardInterrupt:
        again = [
            str(file),
            *(f"--set={override}" for override in overrides),
            f"--out={directory}",
            "--resume",
        ]
        click.echo(
            f"\nStopped; nothing that was done is lost. Go on with:\n  selfchal run {shlex.join(again)}",
            err=True,
        )
        ctx.exit(INTERRUPTED)


def _run(manifest: Manifest, directory: Path, plugins: Plugins, resume: bool, as_json: bool) -> None:
    from selfchal.pipeline import loop  # imports numpy; a dry run needs none

    console = Console(file=sys.stderr if as_json else sys.stdout)
    console.print(describe(manifest), highlight=False, soft_wrap=True)
    opened = Store.resume if resume else Store.create
    with opened(directory, manifest.resolved()) as store:
        watchers = watchers_of(plugins, "stderr" if as_json else "stdout", manifest)
        results = loop.run(manifest, store, watchers)
        page = write_report(directory)
    print_outcome(console, results)
    console.print(f"\nThe report: {page}", highlight=False, soft_wrap=True)
    if as_json:
        click.echo(json.dumps(results))
