"""``selfchal eval``: a run's model, a checkpoint, the oracle or doing nothing, on held-out test tasks."""

from __future__ import annotations

from collections.abc import Mapping

import click

from selfchal.api import running
from selfchal.cli.manifest import set_option
from selfchal.cli.outcome import exit_where_too_many_unjudged, format_unjudged, interval, percent
from selfchal.cli.progress import progress_on
from selfchal.cli.terminal import say, say_json, say_listing
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
@click.pass_context
def evaluate(
    ctx: click.Context,
    target: str,
    policy: running.Policy,
    checkpoint: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure a run's model on the held-out test tasks.

    TARGET is a run directory or a manifest; with --policy oracle or nothing also an environment's name.
    Ends with exit code 3 where more than 1 % of the episodes, and at least five, could not be judged.
    """
    watch = progress_on("stderr")
    found = running.evaluate(target, checkpoint, policy=policy, overrides=overrides, watch=watch)
    if as_json:
        say_json(found)
    else:
        _print(found)
    exit_where_too_many_unjudged(ctx, found, "measure again")


def _print(found: Mapping[str, Json]) -> None:
    if "intervals" in found or "interval" in found:
        _print_rates(found)
    if "exam" in found:
        say("self-made exam:")
        _print_rates(found["exam"])
    for split, times in found.get("opened", {}).items():
        say(f"the weights of this run were measured {times} times on {split}")
    if "not_counted" in found:
        say(f"this measurement was not counted in the run's directory: {found['not_counted']}")


def _print_rates(found: Mapping[str, Json]) -> None:
    if "intervals" in found:
        for name, bounds in found["intervals"].items():
            told = interval(bounds, found["warnings"].get(name, ""))
            say(f"{name:8} {percent(found[name])} {told}")
    else:
        told = interval(found["interval"], found["warning"])
        say(f"pass@1 {percent(found['pass@1'])} {told} of {found['tasks']} tasks")
        if found["failed"]:
            say_listing(f"not solved: {', '.join(found['failed'][:10])}")
    if said := format_unjudged(found):
        say_listing(said)
