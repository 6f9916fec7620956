"""``selfchal validate`` and ``selfchal schema``: manifests without a run."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import click
from pydantic import BaseModel

from selfchal.api.running import load_manifest
from selfchal.cli.terminal import say_json, say_listing
from selfchal.pipeline.manifest import Manifest, manifest_schema
from selfchal.pipeline.startable import check_startable
from selfchal.plugins import load_plugins


def set_option(command: click.decorators.FC) -> click.decorators.FC:
    """The option ``--set a.b=c``, as often as wanted."""
    option = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Override a manifest key; as often as wanted.",
    )
    return option(command)


@click.command("validate")
@click.argument("file", type=click.Path(path_type=Path))
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print the manifest with every default filled in.")
def validate_file(file: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check whether a manifest would start here, without loading a model.

    Everything that would stop its run is looked for: options, packages, paths, hub names, keys, the data of
    the environment, the sandbox, endpoints. Endpoints are sent no prompt, so asking them costs nothing.
    """
    manifest = load_manifest(file, overrides)
    check_startable(manifest)
    if as_json:
        say_json(manifest.resolved(), indent=2)
    else:
        say_listing(f"{file} is valid: {describe(manifest)}")


def describe(manifest: Manifest) -> str:
    """One line: which plugins do what, how often."""
    settings = manifest.settings
    parts = [
        f"environment{'s' if len(manifest.environments) > 1 else ''} {manifest.name_environments()}",
        f"model {manifest.model.name}",
        *([f"tasks from {settings.tasks.source}"] if settings.tasks else []),
        *([f"synthesizer {manifest.synthesizer.name}"] if manifest.synthesizer else []),
        f"sandbox {manifest.sandbox.name}",
        f"trainer {manifest.trainer.name}" if manifest.trainer else "no trainer",
        f"{settings.rounds} round{'s' if settings.rounds > 1 else ''}",
        f"seed {settings.run.seed}",
    ]
    return ", ".join(parts)


@click.command("schema")
def schema() -> None:
    """Print the JSON schema of manifests, for editors."""
    configs: dict[str, dict[str, type[BaseModel]]] = defaultdict(dict)
    for item in load_plugins().all():
        configs[item.kind][item.name] = item.cls.Config
    say_json(manifest_schema(configs), indent=2)
