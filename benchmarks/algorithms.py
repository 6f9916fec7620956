"""Every trainer on the same manifest and seeds: held-out pass@1 before and after, with intervals.

    python benchmarks/algorithms.py [--manifest examples/quickstart.yaml] [--trainers grpo,ppo,rft,dpo]
        [--seeds 0,1,2] [--set environment.name=web_browsing ...] --out runs/algorithms

The manifests differ by ``trainer.name`` alone. Columns: pass@1 sampled at temperature 1 with the paired
difference and its task-clustered 95 % interval, greedy decoding, and the best elicitation of the
untrained model (no training at all). Interrupted, the same command goes on. Results also go to
``algorithms.json`` in the output directory.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click
from quickstart import row_of, table
from rich.console import Console

from selfchal.cli.display import display
from selfchal.cli.run import hooks_of
from selfchal.core.manifest import read_manifest, validate
from selfchal.core.pipeline import run
from selfchal.core.store import Store
from selfchal.plugins import load_plugins


def run_once(file: Path, overrides: list[str], directory: Path) -> dict[str, Any]:
    plugins = load_plugins()
    manifest = validate(read_manifest(file, overrides), plugins)
    started = time.perf_counter()
    with Store.resume(directory, manifest.resolved()) as store, display(Console(stderr=True)) as watcher:
        results = run(manifest, store, watcher, hooks_of(plugins))
    return {**results, "wall": time.perf_counter() - started}


@click.command(help=__doc__)
@click.option("--manifest", type=click.Path(path_type=Path), default=Path("examples/quickstart.yaml"))
@click.option("--trainers", default="grpo,ppo,rft,dpo", help="Comma-separated.")
@click.option("--seeds", default="0,1,2", help="Comma-separated.")
@click.option("--set", "overrides", multiple=True, help="KEY=VALUE, for all runs alike.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/algorithms"))
def main(manifest: Path, trainers: str, seeds: str, overrides: tuple[str, ...], out: Path) -> None:
    rows: list[list[str]] = []
    found: dict[str, Any] = {}
    for trainer in trainers.split(","):
        for seed in seeds.split(","):
            name = f"{trainer}, seed {seed}"
            chosen = [*overrides, f"trainer.name={trainer}", f"run.seed={seed}"]
            found[name] = run_once(manifest, chosen, out / f"{trainer}_{seed}")
            rows.append(row_of(name, found[name]))
            (out / "algorithms.json").write_text(json.dumps(found, indent=2))
            click.echo(table(rows[-1:]).splitlines()[-1])
    click.echo(table(rows))


if __name__ == "__main__":
    main()
