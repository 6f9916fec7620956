"""``selfchal eval``: a run's model, a checkpoint, the oracle or doing nothing, on held-out test tasks."""

from __future__ import annotations

import json
from collections.abc import Mapping

import click

from selfchal.api import running
from selfchal.cli.manifest import set_option
from selfchal.cli.outcome import interval, percent
from selfchal.cli.progress import progress_on
from selfchal.core.world import Json


@click.command("eval")
@click.argument("target")
@click.option(
    "--policy",
    type=click.Choice(["model", "oracle", "nothing"]),
    default="model",
    help="Who acts (default: model).",
)
@click.option(
    "--checkpoint",
    help="A directory under RUN/checkpoints, or 'start' for the untrained model (default: the last).",
)
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON; progress goes to stderr.")
def evaluate(
    target: str, policy: running.Policy, checkpoint: str | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Measure a run's model on the held-out test tasks.

    TARGET is a run directory or a manifest; with --policy oracle or nothing also an environment's name.
    """
    watch = progress_on("stderr")
    found = running.evaluate(target, checkpoint, policy=policy, overrides=overrides, watch=watch)
    if as_json:
        click.echo(json.dumps(found))
    else:
        _print(found)


def _print(found: Mapping[str, Json]) -> None:
    if "intervals" in found:
        for name, bounds in found["intervals"].items():
            click.echo(f"{name:8} {percent(found[name])} {interval(bounds)}")
    else:
        click.echo(
            f"pass@1 {percent(found['pass@1'])} {interval(found['interval'])} of {found['tasks']} tasks"
        )
        if found["failed"]:
            click.echo(f"not solved: {', '.join(found['failed'][:10])}")
    if found["could_not_judge"]:
        click.echo(f"{found['could_not_judge']} episodes could not be judged and are left out")
