"""The paper's filter ablation (its Table 4 and Figure 4) in our setting, for two learners and several seeds.

    python benchmarks/ablation.py --out runs/ablation [--jobs 2] [--seeds 0,1,2] [--updates 16] [--epochs 12]
        [--filters none,verifier,solution,paper,full] [--trainers rft,grpo] [--set KEY=VALUE ...]

The proposals of a seed are sampled once, and each filter judges the same ones; its tasks are the first
``--tasks`` that it keeps, so that every filter trains on as many where it can; two filters that keep the
same are trained on once. A kept task is faithful when
its instruction, read by the words of the pretraining and run, gives an answer that its verifier accepts
while it refuses what lies on the way (benchmarks/instructions.py). Only sampling at temperature 1
is measured, before once a seed. Interrupted, the same command goes on. The table goes to ``table.md``.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from instructions import read
from seeds import over_seeds, pooled, rate, scores, shown
from side_by_side import side_by_side

import selfchal
from selfchal.core.arena import Arena
from selfchal.core.evidence import TaskRunner
from selfchal.core.judge import FUNNEL, STAGES, Filter, Stage
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.pipeline.challenge import challenge
from selfchal.pipeline.environments import limits_of
from selfchal.pipeline.evaluation import Mode, measure
from selfchal.pipeline.manifest import Manifest, read_manifest
from selfchal.pipeline.selection import select
from selfchal.pipeline.statistics import Rows, estimate, paired_difference
from selfchal.pipeline.store import Store
from selfchal.pipeline.training import train
from selfchal.plugins import load_plugins
from selfchal.write_whole import write_whole

EVERY = 1_000_000  # tasks wanted while proposals are sampled: all are needed
BASE = "paper"
ONCE = ("rft", "dpo", "kto")  # roll out once, and train for epochs


@dataclass(frozen=True)
class Job:
    file: Path
    overrides: tuple[str, ...]
    out: Path
    seed: str
    tasks: int
    epochs: int  # of trainers that roll out once; the others make as many updates as the manifest says
    filter: str = "none"
    trainer: str = ""

    @property
    def proposals(self) -> Path:
        return self.out / f"proposals_{self.seed}"

    @property
    def judged(self) -> Path:
        return self.out / f"judged_{self.filter}_{self.seed}.json"

    @property
    def trained(self) -> Path:
        return self.out / f"{self.trainer}_{self.filter}_{self.seed}"

    def manifest(self) -> Manifest:
        chosen = [
            "synthesizer.revisions=0", f"synthesizer.filters={self.filter}", f"challenge.tasks={EVERY}",
            f"run.seed={self.seed}", "curriculum.validation=0", *self.overrides,
        ]  # fmt: skip
        rows = read_manifest(self.file, chosen)
        if self.trainer:  # the file's options are one trainer's: others take those that they have too
            known = load_plugins().find("trainer", self.trainer).Config.model_fields
            options = {key: value for key, value in rows["trainer"].items() if key in known}
            if self.trainer in ONCE:
                options = {**options, "steps": None, "epochs": self.epochs}
            rows["trainer"] = {"name": self.trainer, **options}
        return selfchal.load_manifest(rows)


def propose(job: Job) -> None:
    """What all filters of a seed share: the score before, and the proposals, none of them refused."""
    manifest = job.manifest()
    with selfchal.open_context(manifest, job.proposals) as context:
        measure(context, "before", (Mode.SAMPLED,))
        challenge(context, 1)


def judge(job: Job) -> None:
    """The verdicts of one filter on a seed's proposals, and which of its kept tasks are faithful."""
    if job.judged.exists():
        return
    manifest = job.manifest()
    environment, sandbox = manifest.environments[0].make(), manifest.sandbox.make()
    runner = SandboxTaskRunner(Arena(environment, sandbox, limits_of(manifest.settings.limits)))
    with (
        closing(sandbox),
        Store.read(job.proposals) as store,
        ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool,
    ):
        judge_task = Judge(runner, [choice.make() for choice in manifest.checks])
        judged = list(pool.map(partial(_judged, judge_task, Filter(job.filter)), store.proposals(1)))
        split = manifest.settings.evaluation.split or environment.splits()[0]
        pairs = [(one.task, one.verdict) for one in judged]
        verdicts = judge_task.compare(pairs, (), environment.test_tasks(split))
        judged = [replace(one, verdict=v) for one, v in zip(judged, verdicts, strict=True)]
        kept = [one.task for one in judged if one.task and one.verdict.passed]
        faithful = list(pool.map(partial(is_faithful, runner), kept))
    rows = {
        "proposals": [one.to_json() for one in judged],
        "faithful": {task.id: verdict for task, verdict in zip(kept, faithful, strict=True)},
    }
    write_whole(job.judged, lambda part: part.write_text(json.dumps(rows), encoding="utf-8"))


def _judged(judge_task: Judge, filters: Filter, proposal: Proposal) -> Proposal:
    if proposal.task is None:
        return proposal
    verdict = judge_task(proposal.task, filters)
    return replace(proposal, task=proposal.task.with_diagnostics(verdict.diagnostics), verdict=verdict)


def is_faithful(runner: TaskRunner, task: Task) -> bool:
    """Does evaluate accept what the instruction asks for, and refuse what lies on the way to it?"""
    reading = read(task.instruction)
    if reading is None:
        return False
    world = runner.environment.open(task.context)
    said = [runner.verdict(task, world, value) for value in (reading.answer, *reading.near_misses())]
    return said[0].value is True and not any(execution.value is True for execution in said[1:])


def kept(job: Job) -> list[Proposal]:
    """What is trained on."""
    proposals = [Proposal.from_json(row) for row in _rows(job)["proposals"]]
    return [one for one in proposals if one.verdict.passed][: job.tasks]


def first_alike(job: Job, others: Sequence[Job]) -> Job:
    """The first job of this seed whose filter keeps the same to train on."""
    ids = [one.task.id for one in kept(job) if one.task]
    same_seed = (one for one in others if one.seed == job.seed)
    return next(one for one in same_seed if [other.task.id for other in kept(one) if other.task] == ids)


def learn(job: Job) -> None:
    """Train on the first tasks that the filter kept, and measure."""
    manifest, proposals = job.manifest(), kept(job)
    with selfchal.open_context(manifest, job.trained) as context:
        train(context, 1, *select(context, 1, proposals), None)
        measure(context, "after", (Mode.SAMPLED,))


# The table


def yields(jobs: Sequence[Job]) -> list[str]:
    """How far the proposals of all seeds came under the whole judge, and what each filter kept of them."""
    lines = []
    for job in jobs:
        if job.filter == Filter.FULL:
            verdicts = [Proposal.from_json(row).verdict for row in _rows(job)["proposals"]]
            reached = Counter(Stage.KEPT if v.passed else v.reached for v in verdicts)
            counts = [sum(reached[later] for later in FUNNEL[FUNNEL.index(stage) :]) for stage in STAGES[:-1]]
            lines.append(f"| {job.seed} | {sum(reached.values())} | {' | '.join(map(str, counts))} |")
    head = ["seed", "proposed", *STAGES[:-1]]
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *lines] if lines else []


def _rows(job: Job) -> Any:
    return json.loads(job.judged.read_text(encoding="utf-8"))


def results(jobs: Sequence[Job], trainer: str) -> list[Rows]:
    """What a trainer's runs made of the held-out tasks, seed by seed."""
    return [scores(replace(job, trainer=trainer).trained, "after") for job in jobs]


def row_of(
    name: str, jobs: Sequence[Job], alike: Sequence[Job], trainers: Sequence[str],
    base: Mapping[str, Sequence[Rows]],
) -> str:  # fmt: skip
    """One filter: what it kept, how much of that is faithful, and what training on it gave (``alike``)."""
    files = [_rows(job) for job in jobs]
    passed = {f"{i}/{n}": [float(row["verdict"]["outcome"] == "passed")]
              for i, file in enumerate(files) for n, row in enumerate(file["proposals"])}  # fmt: skip
    faithful = {f"{i}/{t}": [float(v)] for i, file in enumerate(files) for t, v in file["faithful"].items()}
    cells = [name, shown(estimate(passed)), shown(estimate(faithful))]
    for trainer in trainers:
        after = pooled(results(alike, trainer))
        cells.append(shown(estimate(after)))
        cells.append("" if name == BASE else shown(paired_difference(pooled(base[trainer]), after), "+"))
    return f"| {' | '.join(cells)} |"


def table(jobs: Sequence[Job], trainers: Sequence[str]) -> str:
    by_filter: dict[str, list[Job]] = defaultdict(list)
    alike: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        by_filter[job.filter].append(job)
        alike[job.filter].append(first_alike(job, jobs))
    base = {trainer: results(alike[BASE], trainer) for trainer in (trainers if BASE in by_filter else ())}
    first = next(iter(by_filter.values()))
    before = pooled([scores(job.proposals, "before") for job in first])
    head = ["filter", "kept, %", "of these faithful, %"]
    head += [cell for trainer in trainers for cell in (f"{trainer}: pass@1", f"{trainer}: against {BASE}")]
    lines = (
        [row_of(name, some, alike[name], trainers, base) for name, some in by_filter.items()] if base else []
    )
    each = [
        f"{name} against {BASE}, {trainer}, by seed: {over_seeds(base[trainer], results(some, trainer))}"
        for name, some in alike.items()
        if name != BASE
        for trainer in base
    ]
    return "\n".join([
        f"| {' | '.join(head)} |", "|" + "---|" * len(head), *lines, "",
        f"Before training: {rate(before):.1f}. {len(first)} seeds; intervals are 95 %, over tasks, and",
        "those of the mean by seed over seeds and tasks.", "", *each, "",
        *yields(jobs),
    ])  # fmt: skip


@click.command(help=__doc__)
@click.option("--manifest", type=click.Path(path_type=Path), default=Path("examples/quickstart.yaml"))
@click.option("--filters", default="none,verifier,solution,paper,full", help="Comma-separated.")
@click.option("--trainers", default="rft,grpo", help="Comma-separated.")
@click.option("--seeds", default="0,1,2", help="Comma-separated.")
@click.option("--tasks", default=160, show_default=True, help="Tasks trained on, at most.")
@click.option("--updates", default=16, show_default=True, help="Of trainers that roll out for each.")
@click.option("--epochs", default=12, show_default=True, help="Of trainers that roll out once (rft).")
@click.option("--set", "overrides", multiple=True, help="KEY=VALUE, for all runs alike.")
@click.option("--jobs", "processes", default=1, show_default=True, help="Runs side by side.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/ablation"))
def main(
    manifest: Path, filters: str, trainers: str, seeds: str, tasks: int, updates: int, epochs: int,
    overrides: tuple[str, ...], processes: int, out: Path,
) -> None:  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    chosen = (f"trainer.steps={updates}", *overrides)
    shared = [Job(manifest, chosen, out, seed, tasks, epochs) for seed in seeds.split(",")]
    judging = [replace(job, filter=name) for name in filters.split(",") for job in shared]
    names = trainers.split(",")
    side_by_side(propose, shared, processes)
    side_by_side(judge, judging, processes)
    alike = dict.fromkeys(first_alike(job, judging) for job in judging)
    side_by_side(learn, [replace(job, trainer=name) for name in names for job in alike], processes)
    text = table(judging, names)
    (out / "table.md").write_text(text + "\n", encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
