"""Every algorithm on the same manifest and seeds: held-out pass@1 before and after, with intervals.

    python benchmarks/algorithms.py [--manifest examples/algorithms.yaml] [--algorithms grpo,ppo,rft]
        [--seeds 0,1,2] [--jobs 2] [--set environment.name=web_browsing ...] --out runs/algorithms

The manifests differ by the trainer's section alone (ALGORITHMS, as docs/trainers.md has them). The evaluation
before and the tasks of a seed are made once (``tasks_SEED``), and every algorithm goes on from a copy of
them. Columns: pass@1 sampled at temperature 1 with the paired difference and its task-clustered 95 %
interval, greedy decoding, and the best elicitation of the untrained model (no training at all). Then all
seeds of an algorithm together, and each algorithm against the first one, with intervals over seeds and
tasks. Interrupted, the same command goes on. The tables also go to ``table.md`` in the output directory.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml
from quickstart import row_of, table
from seeds import over_seeds, pooled, rate, scores
from side_by_side import side_by_side

import selfchal
from selfchal.pipeline.loop import begin, make_tasks
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.store import MANIFEST
from selfchal.write_whole import write_whole

ALGORITHMS: Mapping[str, Sequence[str]] = {
    "grpo": ("name=grpo",),
    "ppo": ("name=ppo",),
    "rloo": ("name=grpo", "advantage=leave_one_out", "clip=none"),
    "gspo": (
        "name=grpo",
        "ratio=sequence",
        "aggregation=sequence",
        "clip_low=3.0e-4",
        "clip_high=4.0e-4",
        "minibatches=4",
    ),
    "cispo": ("name=grpo", "clip=cispo", "clip_high=4", "minibatches=4"),
    "rft": ("name=rft",),
    "dpo": ("name=dpo",),
    "kto": ("name=kto",),
}


@dataclass(frozen=True)
class Job:
    file: Path
    overrides: tuple[str, ...]
    out: Path
    seed: str
    algorithm: str

    @property
    def tasks(self) -> Path:
        """Where the work is that all algorithms of a seed share."""
        return self.out / f"tasks_{self.seed}"

    @property
    def directory(self) -> Path:
        return self.out / f"{self.algorithm}_{self.seed}"

    @property
    def label(self) -> str:
        return f"{self.algorithm}, seed {self.seed}"

    @property
    def manifest(self) -> Manifest:
        trainer = [f"trainer.{option}" for option in ALGORITHMS[self.algorithm]]
        return selfchal.load_manifest(self.file, [*trainer, f"run.seed={self.seed}", *self.overrides])


def share(job: Job) -> None:
    """What comes before training, in a store of its own."""
    with selfchal.open_context(job.manifest, job.tasks) as context:
        begin(context)
        make_tasks(context, 1)


def train(job: Job) -> dict[str, Any]:
    """One algorithm from the shared work to its results."""
    if not job.directory.exists():
        fork(job.tasks, job.directory, job.manifest)
    return selfchal.run(job.manifest, job.directory, resume=True)


def fork(shared: Path, directory: Path, manifest: Manifest) -> None:
    text = yaml.safe_dump(manifest.resolved(), sort_keys=False, allow_unicode=True)

    def copy(part: Path) -> None:
        shutil.copytree(shared, part)
        (part / MANIFEST).write_text(text, encoding="utf-8")

    write_whole(directory, copy)


def compare(names: Sequence[str], jobs: Sequence[Job]) -> str:
    """A row an algorithm: all seeds before and after, and against the first algorithm."""
    lines = [
        "| algorithm | before | after | times | difference by seed | against the first |",
        "|---" * 6 + "|",
    ]
    rows = {name: [scores(job.directory, "after") for job in jobs if job.algorithm == name] for name in names}
    for name, after in rows.items():
        before = [scores(job.directory, "before") for job in jobs if job.algorithm == name]
        first, last = rate(pooled(before)), rate(pooled(after))
        against = "" if name == names[0] else over_seeds(rows[names[0]], after)
        cells = [
            name,
            f"{first:.1f}",
            f"{last:.1f}",
            f"{last / first:.1f}",
            over_seeds(before, after),
            against,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


@click.command(help=__doc__)
@click.option("--manifest", type=click.Path(path_type=Path), default=Path("examples/algorithms.yaml"))
@click.option("--algorithms", default=",".join(ALGORITHMS), show_default=True, help="Comma-separated.")
@click.option("--seeds", default="0,1,2", show_default=True, help="Comma-separated.")
@click.option("--set", "overrides", multiple=True, help="KEY=VALUE, for all runs alike.")
@click.option("--jobs", "processes", default=1, show_default=True, help="Runs side by side.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/algorithms"))
def main(
    manifest: Path, algorithms: str, seeds: str, overrides: tuple[str, ...], processes: int, out: Path
) -> None:
    names, numbers = algorithms.split(","), seeds.split(",")
    if unknown := set(names) - set(ALGORITHMS):
        raise click.UsageError(
            f"no algorithm {', '.join(sorted(unknown))}; there are {', '.join(ALGORITHMS)}"
        )
    shared = [Job(manifest, overrides, out, seed, names[0]) for seed in numbers]
    side_by_side(share, shared, processes)
    jobs = [Job(manifest, overrides, out, seed, name) for name in names for seed in numbers]
    found = side_by_side(train, jobs, processes)
    rows = [row_of(job.label, one) for job, one in zip(jobs, found, strict=True)]
    text = f"{table(rows)}\n\n{compare(names, jobs)}"
    (out / "table.md").write_text(text + "\n", encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
