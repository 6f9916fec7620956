"""The quick start's figures: several seeds, and a control with random rewards on the same budget.

    python benchmarks/quickstart.py --seeds 0,1,2 --out runs/benchmark

Prints one table. The control keeps everything (tasks, rollouts, updates) but replaces each training
reward by a coin toss of the same mean: what it gains, if anything, is not learnt from the verifiers.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from selfchal.cli.display import display
from selfchal.cli.run import hooks_of
from selfchal.core.episode import Episode
from selfchal.core.manifest import read_manifest, validate
from selfchal.core.pipeline import run
from selfchal.core.store import Store
from selfchal.plugins import load_plugins

COLUMNS = (
    "run",
    "before",
    "after",
    "difference (95 %)",
    "greedy",
    "best elicitation",
    "ahead",
    "s",
    "GB",
)


def toss_rewards(episodes: Sequence[Episode]) -> None:
    """Shuffle the rewards among the batch's episodes: same mean, no information."""
    judged = [episode for episode in episodes if episode.reward is not None]
    rewards = [episode.reward for episode in judged]
    random.Random(len(judged)).shuffle(rewards)
    for episode, reward in zip(judged, rewards, strict=True):
        episode.reward = reward


def run_once(manifest_file: Path, seed: int, out: Path, control: bool) -> dict[str, Any]:
    plugins = load_plugins()
    manifest = validate(read_manifest(manifest_file, [f"run.seed={seed}"]), plugins)
    directory = out / f"{'control' if control else 'seed'}_{seed}"
    started = time.perf_counter()
    with Store.resume(directory, manifest.resolved()) as store, display(Console(stderr=True)) as watcher:
        results = run(manifest, store, watcher, hooks_of(plugins), toss_rewards if control else None)
    return {**results, "wall": time.perf_counter() - started}


def row_of(name: str, results: dict[str, Any]) -> list[str]:
    before, after, gain = results["before"], results["after"], results["difference"]
    elicited = results["elicitation"]
    best, ahead = elicited["baselines"][elicited["best"]], elicited["difference"]
    return [
        name,
        f"{100 * before['pass@1']:.1f}",
        f"{100 * after['pass@1']:.1f}",
        f"{100 * gain['mean']:+.1f} ({100 * gain['low']:+.1f}, {100 * gain['high']:+.1f})",
        f"{100 * before['greedy']:.1f} -> {100 * after['greedy']:.1f}",
        f"{100 * best['mean']:.1f} ({elicited['best']})",
        f"{100 * ahead['mean']:+.1f} ({100 * ahead['low']:+.1f}, {100 * ahead['high']:+.1f})",
        f"{sum(results['seconds'].values()):.0f}",
        f"{results['peak_memory_bytes'] / 1e9:.2f}",
    ]


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of pass@1 figures in per cent."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@click.command(help=__doc__)
@click.option("--manifest", type=click.Path(path_type=Path), default=Path("examples/quickstart.yaml"))
@click.option("--seeds", default="0,1,2", help="Comma-separated.")
@click.option("--control/--no-control", default=True, help="Also run the control on the first seed.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/benchmark"))
def main(manifest: Path, seeds: str, control: bool, out: Path) -> None:
    numbers = [int(seed) for seed in seeds.split(",")]
    rows = [row_of(f"seed {seed}", run_once(manifest, seed, out, control=False)) for seed in numbers]
    if control:
        rows.append(row_of("random rewards", run_once(manifest, numbers[0], out, control=True)))
    text = table(rows)
    (out / "table.md").write_text(text + "\n", encoding="utf-8")
    (out / "table.json").write_text(json.dumps(rows), encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
