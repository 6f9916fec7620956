"""``selfchal eval``: a run's model, a checkpoint, the oracle or doing nothing, on held-out test tasks."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from selfchal.cli.manifest import set_option
from selfchal.cli.outcome import interval, percent
from selfchal.cli.progress import watchers_of
from selfchal.core.errors import ManifestError
from selfchal.core.world import Json
from selfchal.pipeline.manifest import Manifest, apply_overrides, read_manifest, validate
from selfchal.pipeline.store import MANIFEST, Store
from selfchal.pipeline.watch import Watchers
from selfchal.plugins import load_plugins

START = "start"


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
    target: str, policy: str, checkpoint: str | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Measure a run's model on the held-out test tasks.

    TARGET is a run directory or a manifest; with --policy oracle or nothing also an environment's name.
    """
    from selfchal.pipeline.measure import Policy, measure_policy  # imports numpy

    plugins = load_plugins()
    rows = _make_rows(target, policy, overrides)
    manifest = validate(rows, plugins, trains=False, loads_model=policy == Policy.MODEL)
    watchers = watchers_of(plugins, "stderr")
    if policy == Policy.MODEL:
        found = _measure(manifest, _find_weights(Path(target), checkpoint), watchers)
    else:
        found = measure_policy(manifest, Policy(policy), watchers)
    if as_json:
        click.echo(json.dumps(found))
    else:
        _print(found)


def _measure(manifest: Manifest, weights: Path | None, watchers: Watchers) -> dict[str, Json]:
    """In a store of its own, so that no earlier measurement with other settings is taken for this one."""
    from selfchal.pipeline.measure import measure_model

    with tempfile.TemporaryDirectory(prefix="selfchal-eval-") as directory:  # noqa: SIM117 — one resource a line
        with Store.create(Path(directory), manifest.resolved()) as store:
            return measure_model(manifest, store, watchers, weights)


def _make_rows(target: str, policy: str, overrides: tuple[str, ...]) -> dict[str, Any]:
    path = Path(target)
    if path.is_dir():
        return read_manifest(path / MANIFEST, overrides)
    if path.exists() or policy == "model" or path.suffix:
        return read_manifest(path, overrides)
    # The model and the trainer are never made: the oracle acts, or nobody.
    rows: dict[str, Any] = {
        "environment": {"name": target},
        "model": {"name": "seedling"},
        "trainer": {"name": "grpo"},
    }
    apply_overrides(rows, overrides)
    return rows


def _find_weights(run: Path, checkpoint: str | None) -> Path | None:
    """The directory of weights to load; None for the model as the manifest has it."""
    if not run.is_dir():
        if checkpoint is not None:
            raise ManifestError(f"{run} is no run directory, so it has no checkpoint {checkpoint!r}")
        return None
    if checkpoint == START:
        return None
    checkpoints = run / "checkpoints"
    if checkpoint is not None:
        return checkpoints / checkpoint
    finals = sorted(
        checkpoints.glob("round_*/final"), key=lambda path: int(path.parent.name.removeprefix("round_"))
    )
    if not finals:
        raise ManifestError(
            f"{run} has no trained weights yet; name a checkpoint (--checkpoint round_1/step_…) or 'start'"
        )
    return finals[-1]


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
