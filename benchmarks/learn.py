"""Does a real model learn from tasks that a real model wrote? Before and after, with controls.

    python scripts/serve_solutions.py docs/results/data/qwen_proposals.jsonl --port 8080
    python benchmarks/learn.py [--data PATH/m3tooleval] [--controls] [--set evaluation.tasks=30 ...]

examples/distil_real_model.yaml says what is run: a teacher's episodes on the tasks in
docs/results/data/qwen_tasks.jsonl, and RFT of a smaller model on those that pass. With --data the weights
before and after also do M3ToolEval's own tasks, of all tools. --controls adds

- the same training on all proposals that the judge saw, whether it kept them or not (unfiltered);
- the same on as many of these as it kept, drawn at random (random rewards);
- the untrained model at other temperatures, and with one solved task shown before each.

Trained are so many episodes in each: give the manifest ``trainer.steps``. Interrupted, the same command goes
on. Everything lies below --out; ``table.md`` and ``learn.json`` there are the figures.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import yaml
from quickstart import toss_rewards

import selfchal
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.pipeline.collecting import Rewrite
from selfchal.pipeline.loop import begin
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.sources import READ, ROUND
from selfchal.pipeline.store import MANIFEST, Store
from selfchal.write_whole import write_whole

COLUMNS = ("run", "tasks", "before", "after", "difference (95 %)", "greedy")
TEMPERATURES = (0.2, 1.0)  # of the untrained model, beside the manifest's own
PROPOSALS = Path(__file__).parents[1] / "docs" / "results" / "data" / "qwen_proposals.jsonl"
NEVER = "def evaluate(result):\n    return False"
UNJUDGED = Verdict(Outcome.PASSED, Stage.COMPLETE, "nobody judged it", "")


@dataclass(frozen=True)
class Variant:
    """One way to train: options over the manifest's, whether what the judge refused is trained on too, and a
    change of the rewards."""

    name: str
    overrides: tuple[str, ...] = ()
    unfiltered: bool = False
    rewrite: Rewrite | None = None


DISTILLED = Variant("distilled")
CONTROLS = (
    Variant("unfiltered", ("trainer.keep=all",), unfiltered=True),
    Variant("random rewards", unfiltered=True, rewrite=toss_rewards),
)


@dataclass(frozen=True)
class Experiment:
    """What all variants have in common."""

    file: Path
    overrides: tuple[str, ...]
    out: Path
    data: Path | None

    def read_manifest(self, variant: Variant = DISTILLED) -> Manifest:
        return selfchal.load_manifest(self.file, [*self.overrides, *variant.overrides])

    def share(self) -> Path:
        """The judged tasks and the measurement before training, made once for all variants."""
        directory = self.out / "shared"
        with selfchal.open_context(self.read_manifest(), directory) as context:
            begin(context)
        return directory

    def train(self, variant: Variant, shared: Path) -> dict[str, Any]:
        directory = self.find_directory(variant)
        manifest = self.read_manifest(variant)
        if not directory.exists():
            text = yaml.safe_dump(manifest.resolved(), sort_keys=False, allow_unicode=True)

            def copy(part: Path) -> None:
                shutil.copytree(shared, part)
                (part / MANIFEST).write_text(text, encoding="utf-8")
                if variant.unfiltered:
                    add_refused(part, manifest)

            write_whole(directory, copy)
        return selfchal.run(manifest, directory, resume=True, rewrite=variant.rewrite)

    def find_directory(self, variant: Variant) -> Path:
        return self.out / variant.name.replace(" ", "_")

    def measure_original(self, variant: Variant, checkpoint: str | None) -> dict[str, Json]:
        """On M3ToolEval's tasks, of all tools, by the original's rules."""
        directory = self.find_directory(variant)
        data = [f"environment.data={self.data}", "environment.profile=compat", "environment.family=all"]
        return self.measure(
            f"{directory.name}_original_{checkpoint or 'final'}",
            directory,
            checkpoint,
            [*data, "evaluation.tasks=null", "evaluation.samples=1"],
        )

    def measure_untrained(self, name: str, *overrides: str) -> dict[str, Json]:
        directory = self.find_directory(DISTILLED)
        return self.measure(f"untrained_{name}", directory, "start", overrides)

    def write_example(self) -> Path:
        """A training episode that passed, where one did, as a file to be shown."""
        file = self.out / "example.json"
        with Store.read(self.find_directory(DISTILLED)) as store:
            episode = max(store.episodes("train"), key=lambda one: one.reward or 0.0)
        turns = [{"role": turn.role, "content": turn.content} for turn in episode.messages]
        file.write_text(json.dumps({"messages": turns}, indent=1), encoding="utf-8")
        return file

    def measure_beside(self, *, controls: bool) -> list[list[str]]:
        """Rows of the distilled weights on the original's tasks, and of the untrained with an example."""
        rows = []
        if self.data:
            measured = [self.measure_original(DISTILLED, checkpoint) for checkpoint in ("start", None)]
            rows.append(row_of_two("distilled, on M3ToolEval's tasks", *measured))
        if controls:
            found = self.measure_untrained("example", f"evaluation.example={self.write_example()}")
            rows.append(row_of_one("untrained, one solved task shown", found))
        return rows

    def measure_temperatures(self) -> list[list[str]]:
        rows = []
        for temperature in TEMPERATURES:
            options = (f"evaluation.temperature={temperature}", "evaluation.samples=1")
            found = self.measure_untrained(str(temperature), *options)
            rows.append(row_of_one(f"untrained, temperature {temperature}", found))
        return rows

    def measure(
        self, name: str, directory: Path, checkpoint: str | None, overrides: Sequence[str]
    ) -> dict[str, Json]:
        return self.remember(name, lambda: selfchal.evaluate(directory, checkpoint, overrides=overrides))

    def remember(self, name: str, measure: Callable[[], dict[str, Json]]) -> dict[str, Json]:
        """Each measurement once, in a file of its own."""
        file = self.out / f"{name}.json"
        if not file.exists():
            text = json.dumps(measure(), indent=1, default=str)
            write_whole(file, lambda part: part.write_text(text, encoding="utf-8"))
        found: dict[str, Json] = json.loads(file.read_text(encoding="utf-8"))
        return found


def add_refused(directory: Path, manifest: Manifest) -> None:
    """Put what the judge refused beside what it kept, as if nobody had judged it. No episode of it passes."""
    rows = [json.loads(line) for line in PROPOSALS.read_text(encoding="utf-8").splitlines()]
    with Store.resume(directory, manifest.resolved()) as store:
        judged = list(store.proposals(ROUND))
        where = judged[0].environment
        kept = {one.task.instruction for one in judged if one.task}
        tasks = [Task.from_json(row) for row in rows if row["instruction"] not in kept]
        added = [
            Proposal(len(judged) + i, ROUND, UNJUDGED, replace(task, evaluate=NEVER, environment=where))
            for i, task in enumerate(tasks)
        ]
        store.put_proposals(ROUND, f"{ROUND}/refused", added, [], purpose="source")
        store.put_fact(READ, {**store.fact(READ), "rows": len(judged) + len(added)})


def row_of_run(name: str, results: Mapping[str, Any]) -> list[str]:
    before, after, gain = results["before"], results["after"], results["difference"]
    return [
        name,
        str(results["held_out_tasks"]),
        write_share(before),
        write_share(after),
        f"{100 * gain['mean']:+.1f} ({100 * gain['low']:+.1f}, {100 * gain['high']:+.1f})",
        f"{100 * before['greedy']:.1f} -> {100 * after['greedy']:.1f}",
    ]


def row_of_two(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Two measurements that were not made in one run: no paired difference."""
    greedy = f"{100 * before['greedy']:.1f} -> {100 * after['greedy']:.1f}"
    return [name, "", write_share(before), write_share(after), "", greedy]


def row_of_one(name: str, found: Mapping[str, Any]) -> list[str]:
    return [name, "", write_share(found), "", "", f"{100 * found['greedy']:.1f}"]


def write_share(found: Mapping[str, Any]) -> str:
    """pass@1 in per cent, with its interval where there is one."""
    share = f"{100 * found['pass@1']:.1f}"
    interval = (found.get("intervals") or {}).get("pass@1")
    return f"{share} ({100 * interval[0]:.1f}, {100 * interval[1]:.1f})" if interval else share


def write_table(rows: Sequence[Sequence[str]]) -> str:
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@click.command(help=__doc__)
@click.option("--manifest", type=click.Path(path_type=Path), default=Path("examples/distil_real_model.yaml"))
@click.option("--set", "overrides", multiple=True, help="KEY=VALUE, for all runs alike.")
@click.option("--data", type=click.Path(path_type=Path), help="The folder with M3ToolEval's data.")
@click.option("--controls", is_flag=True, help="Also run the controls.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/learn"))
def main(manifest: Path, overrides: tuple[str, ...], data: Path | None, controls: bool, out: Path) -> None:
    experiment = Experiment(manifest, overrides, out, data)
    shared = experiment.share()
    rows, found = [], {}
    for variant in (DISTILLED, *(CONTROLS if controls else ())):
        found[variant.name] = results = experiment.train(variant, shared)
        rows.append(row_of_run(variant.name, results))
        if variant is DISTILLED:  # what says most comes first, for a run that is broken off
            rows += experiment.measure_beside(controls=controls)
    if controls:
        rows += experiment.measure_temperatures()
    (out / "table.md").write_text(write_table(rows) + "\n", encoding="utf-8")
    (out / "learn.json").write_text(json.dumps(found, indent=1, default=str), encoding="utf-8")
    click.echo(write_table(rows))


if __name__ == "__main__":
    main()
