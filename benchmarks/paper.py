"""The paper's experiments (arXiv 2506.01716) on two CPU cores: its comparisons, not its sizes.

    python benchmarks/paper.py --list
    python benchmarks/paper.py figure3 table2 [--seeds 0,1] [--jobs 2] [--out runs/paper] [--set KEY=VALUE]

Of each experiment a table is printed and written to OUT/NAME.md: pass@1 on held-out tasks before and after,
the paired difference of all seeds pooled, and its mean with an interval over seeds. Variants that train on
the same tasks go on from one shared challenge a seed. Interrupted, the same command goes on. The model is a
toy, so a table says whether the machinery does what the paper describes, and nothing about an 8B model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from algorithms import fork
from paper_experiments import ELSEWHERE, EXPERIMENTS, Experiment, Variant
from seeds import over_seeds, pooled, rate, scores, shown
from side_by_side import side_by_side

import selfchal
from selfchal.pipeline.loop import begin, make_tasks
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.statistics import paired_difference

POINTS = 6  # of a curve, at most
TEACHER = Variant("teacher", trained=("trainer.name=grpo",))


@dataclass(frozen=True)
class Job:
    """One run: a variant with a seed."""

    experiment: str
    variant: Variant
    seed: str
    out: Path
    overrides: tuple[str, ...]

    @property
    def tasks(self) -> Path:
        """Where the work is that variants which are made alike share."""
        made = [str(self.variant.file), *self.variant.made, *self.overrides, self.seed]
        return self.out / "tasks" / hashlib.sha256(json.dumps(made).encode()).hexdigest()[:12]

    @property
    def directory(self) -> Path:
        label = "".join(c if c.isalnum() else "_" for c in self.variant.label)
        return self.out / self.experiment / f"{label}_{self.seed}"

    @property
    def teacher(self) -> Job:
        return replace(self, experiment="teacher", variant=TEACHER)

    def load(self, *, trains: bool) -> Manifest:
        chosen = [*self.variant.made, f"run.seed={self.seed}"]
        if trains:
            chosen += self.variant.trained
            chosen += [f"evaluation.every={self.variant.every}"] if self.variant.every else []
        if trains and self.variant.has_teacher:
            weights = self.teacher.directory / "checkpoints" / "round_1" / "final"
            chosen += ["teacher.name=transformers", f"teacher.path={weights}", "teacher.dtype=float32"]
        return selfchal.load_manifest(self.variant.file, [*chosen, *self.overrides])


def share(job: Job) -> None:
    """What comes before training, in a store of its own."""
    with selfchal.open_context(job.load(trains=False), job.tasks) as context:
        begin(context)
        make_tasks(context, 1)


def train(job: Job) -> dict[str, Any]:
    """A variant from the shared work to its results."""
    manifest = job.load(trains=True)
    if not job.directory.exists():
        fork(job.tasks, job.directory, manifest)
    return selfchal.run(manifest, job.directory, resume=True)


def measure_families(job: Job, families: dict[str, str]) -> dict[str, float]:
    """pass@1 on the tasks of each family; what was measured is kept beside the run."""
    file = job.directory / "families.json"
    if not file.exists():
        found = {
            name: selfchal.evaluate(job.directory, overrides=[f"environment.family={family}"])["pass@1"]
            for name, family in families.items()
        }
        file.write_text(json.dumps(found))
    measured: dict[str, float] = json.loads(file.read_text())
    return measured


def write_table(experiment: Experiment, jobs: Sequence[Job], results: Sequence[dict[str, Any]]) -> str:
    families = dict(experiment.families or {})
    head = ["variant", "tasks", "before", "after", "difference (95 %)", "by seed", *families]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for variant in experiment.variants:
        own = [job for job in jobs if job.variant == variant]
        kept = [r["funnel"]["kept"] for job, r in zip(jobs, results, strict=True) if job in own]
        before, after = ([scores(job.directory, when) for job in own] for when in ("before", "after"))
        first, last = pooled(before), pooled(after)
        cells = [variant.label, ", ".join(map(str, kept)), f"{rate(first):.1f}", f"{rate(last):.1f}"]
        cells += [shown(paired_difference(first, last), "+"), over_seeds(before, after)]
        if families:
            measured = [measure_families(job, families) for job in own]
            cells += [f"{100 * sum(m[name] for m in measured) / len(measured):.1f}" for name in families]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *write_curves(jobs, results)])


def write_curves(jobs: Sequence[Job], results: Sequence[dict[str, Any]]) -> list[str]:
    """Each run's held-out tasks during training, where they were measured."""
    lines = []
    for job, found in zip(jobs, results, strict=True):
        if "curve" in found:
            points = [f"{point['update']}: {100 * point['pass@1']:.1f}" for point in found["curve"]]
            ends = [f"0: {100 * found['before']['pass@1']:.1f}", *points]
            lines.append(
                f"- {job.variant.label}, seed {job.seed}: {', '.join(ends)}; "
                f"after {100 * found['after']['pass@1']:.1f}"
            )
    return lines


def run_experiment(name: str, out: Path, seeds: Sequence[str], overrides: tuple[str, ...], jobs: int) -> str:
    experiment = EXPERIMENTS[name]
    planned = [Job(name, variant, seed, out, overrides) for variant in experiment.variants for seed in seeds]
    teachers = list({job.seed: job.teacher for job in planned if job.variant.has_teacher}.values())
    side_by_side(share, list({job.tasks: job for job in [*teachers, *planned]}.values()), jobs)
    side_by_side(train, teachers, jobs)
    text = write_table(experiment, planned, side_by_side(train, planned, jobs))
    return f"**{name}: {experiment.title}** (seeds {', '.join(seeds)})\n\n{text}\n"


@click.command(help=__doc__)
@click.argument("names", nargs=-1, type=click.Choice(list(EXPERIMENTS)))
@click.option("--seeds", default="0,1", help="Comma-separated.")
@click.option("--jobs", default=1, show_default=True, help="Runs side by side.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/paper"))
@click.option("--set", "overrides", multiple=True, help="KEY=VALUE, for all runs alike.")
@click.option("--list", "listed", is_flag=True, help="Say which experiments there are, and stop.")
def main(
    names: tuple[str, ...], seeds: str, jobs: int, out: Path, overrides: tuple[str, ...], listed: bool
) -> None:
    if listed:
        for name, experiment in EXPERIMENTS.items():
            click.echo(f"{name:8} {experiment.title}: {', '.join(v.label for v in experiment.variants)}")
        for name, where in ELSEWHERE.items():
            click.echo(f"{name}: {where}")
        return
    for name in names or EXPERIMENTS:
        text = run_experiment(name, out, seeds.split(","), overrides, jobs)
        (out / f"{name}.md").write_text(text, encoding="utf-8")
        click.echo(text)


if __name__ == "__main__":
    main()
