"""Every trainer on the same manifest and seeds: held-out pass@1 before and after, with intervals.

    python benchmarks/algorithms.py [--manifest examples/algorithms.yaml] [--trainers grpo,ppo,rft,dpo]
        [--seeds 0,1,2] [--jobs 2] [--set environment.name=web_browsing ...] --out runs/algorithms

The manifests differ by ``trainer.name`` alone. The evaluation before and the tasks of a seed are made once
(``tasks_SEED``), and every trainer goes on from a copy of them. Columns: pass@1 sampled at temperature 1
with the paired difference and its task-clustered 95 % interval, greedy decoding, and the best elicitation
of the untrained model (no training at all). The last rows pair all seeds of a trainer by task. Interrupted,
the same command goes on. Results also go to ``algorithms.json`` and ``table.md`` in the output directory.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml
from quickstart import row_of, table
from seeds import over_seeds, pooled, rate, scores, shown
from side_by_side import side_by_side

import selfchal
from selfchal.pipeline.loop import begin, make_tasks
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.statistics import paired_difference
from selfchal.pipeline.store import MANIFEST
from selfchal.write_whole import write_whole


@dataclass(frozen=True)
class Job:
    file: Path
    overrides: tuple[str, ...]
    out: Path
    seed: str
    trainer: str = ""

    @property
    def tasks(self) -> Path:
        """Where the work is that all trainers of a seed share."""
        return self.out / f"tasks_{self.seed}"

    @property
    def directory(self) -> Path:
        return self.out / f"{self.trainer}_{self.seed}"

    def manifest(self, trainer: str) -> Manifest:
        chosen = [*self.overrides, f"trainer.name={trainer}", f"run.seed={self.seed}"]
        return selfchal.load_manifest(self.file, chosen)


def share(job: Job) -> None:
    """What comes before training, in a store of its own."""
    with selfchal.open_context(job.manifest(job.trainer), job.tasks) as context:
        begin(context)
        make_tasks(context, 1)


def train(job: Job) -> dict[str, Any]:
    """One trainer from the shared work to its results."""
    manifest = job.manifest(job.trainer)
    if not job.directory.exists():
        fork(job.tasks, job.directory, manifest)
    return selfchal.run(manifest, job.directory, resume=True)


def fork(shared: Path, directory: Path, manifest: Manifest) -> None:
    text = yaml.safe_dump(manifest.resolved(), sort_keys=False, allow_unicode=True)

    def copy(part: Path) -> None:
        shutil.copytree(shared, part)
        (part / MANIFEST).write_text(text, encoding="utf-8")

    write_whole(directory, copy)


def summary(name: str, jobs: Sequence[Job]) -> str:
    """All seeds of one trainer, before and after."""
    before, after = ([scores(job.directory, when) for job in jobs] for when in ("before", "after"))
    first, last = pooled(before), pooled(after)
    return (
        f"{name}: {rate(first):.1f} -> {rate(last):.1f}, {shown(paired_difference(first, last), '+')}, "
        f"{rate(last) / rate(first):.2f} times; by seed: {over_seeds(before, after)}"
    )


@click.command(help=__doc__)
@click.option("--manifest", type=click.Path(path_type=Path), default=Path("examples/algorithms.yaml"))
@click.option("--trainers", default="grpo,ppo,rft,dpo", help="Comma-separated.")
@click.option("--seeds", default="0,1,2", help="Comma-separated.")
@click.option("--set", "overrides", multiple=True, help="KEY=VALUE, for all runs alike.")
@click.option("--jobs", "processes", default=1, show_default=True, help="Runs side by side.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/algorithms"))
def main(
    manifest: Path, trainers: str, seeds: str, overrides: tuple[str, ...], processes: int, out: Path
) -> None:
    names, numbers = trainers.split(","), seeds.split(",")
    side_by_side(share, [Job(manifest, overrides, out, seed, "grpo") for seed in numbers], processes)
    jobs = [Job(manifest, overrides, out, seed, name) for name in names for seed in numbers]
    found = side_by_side(train, jobs, processes)
    rows = [row_of(f"{job.trainer}, seed {job.seed}", one) for job, one in zip(jobs, found, strict=True)]
    summaries = [summary(name, [job for job in jobs if job.trainer == name]) for name in names]
    text = "\n".join([table(rows), "", *summaries])
    (out / "table.md").write_text(text + "\n", encoding="utf-8")
    (out / "algorithms.json").write_text(
        json.dumps({job.directory.name: one for job, one in zip(jobs, found, strict=True)}, indent=2)
    )
    click.echo(text)


if __name__ == "__main__":
    main()
