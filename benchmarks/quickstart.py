"""The quick start's figures: several seeds, and a control with random rewards on the same budget.

    python benchmarks/quickstart.py [--seeds 0,1,2] [--jobs 1] --out runs/benchmark

Prints one table; with more than one job at a time the seconds mean little. Interrupted, it goes on. The
control keeps everything (tasks, rollouts, updates) but replaces each training reward by a coin toss of the
same mean: what it gains, if anything, is not learnt from the verifiers.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from side_by_side import side_by_side

import selfchal
from selfchal.core.episode import Episode

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


@dataclass(frozen=True)
class Job:
    file: Path
    overrides: tuple[str, ...]
    out: Path
    seed: int
    control: bool = False

    @property
    def name(self) -> str:
        return f"{'random rewards, ' if self.control else ''}seed {self.seed}"


def run_once(job: Job) -> dict[str, Any]:
    manifest = selfchal.load_manifest(job.file, [*job.overrides, f"run.seed={job.seed}"])
    directory = job.out / f"{'control' if job.control else 'seed'}_{job.seed}"
    return selfchal.run(manifest, directory, resume=True, rewrite=toss_rewards if job.control else None)


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
@click.option("--set", "overrides", multiple=True, help="KEY=VALUE, for all runs alike.")
@click.option("--jobs", "processes", default=1, show_default=True, help="Runs side by side.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/benchmark"))
def main(
    manifest: Path, seeds: str, control: bool, overrides: tuple[str, ...], processes: int, out: Path
) -> None:
    jobs = [Job(manifest, overrides, out, int(seed)) for seed in seeds.split(",")]
    jobs += [replace(jobs[0], control=True)] if control else []
    found = side_by_side(run_once, jobs, processes)
    rows = [row_of(job.name, results) for job, results in zip(jobs, found, strict=True)]
    text = table(rows)
    (out / "table.md").write_text(text + "\n", encoding="utf-8")
    (out / "table.json").write_text(json.dumps(rows), encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
