"""Does a real model learn from tasks that a real model wrote? Before and after, with controls.

    python scripts/serve_gguf.py models/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf
    python benchmarks/learn.py [--data PATH/m3tooleval] [--controls] [--set evaluation.tasks=30 ...]

examples/distil_real_model.yaml says what is run: a teacher's episodes on the tasks in
docs/results/data/qwen_tasks.jsonl, and RFT of a smaller model on those that pass. --controls adds the same
with random rewards, with failed episodes too (unfiltered), and the untrained model at other temperatures.
With --data the weights before and after also do M3ToolEval's own tasks of the same tools. Interrupted, the
same command goes on. Everything lies below --out; ``table.md`` and ``learn.json`` there are the figures.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml
from quickstart import toss_rewards

import selfchal
from selfchal.core.world import Json
from selfchal.pipeline.collecting import Rewrite
from selfchal.pipeline.loop import begin, make_tasks
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.store import MANIFEST
from selfchal.write_whole import write_whole

COLUMNS = ("run", "tasks", "before", "after", "difference (95 %)", "greedy")
TEMPERATURES = (0.2, 1.0)  # of the untrained model, beside the manifest's own


@dataclass(frozen=True)
class Variant:
    """One way to train, as options over the manifest's and a change of the rewards."""

    name: str
    overrides: tuple[str, ...] = ()
    rewrite: Rewrite | None = None


DISTILLED = Variant("distilled")
CONTROLS = (
    Variant("random rewards", (), toss_rewards),
    Variant("unfiltered", ("trainer.keep=all",)),
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
        """The measurement before training and the judged tasks, made once for all variants."""
        directory = self.out / "shared"
        with selfchal.open_context(self.read_manifest(), directory) as context:
            begin(context)
            make_tasks(context, 1)
        return directory

    def train(self, variant: Variant, shared: Path) -> dict[str, Any]:
        directory = self.find_directory(variant)
        manifest = self.read_manifest(variant)
        if not directory.exists():
            text = yaml.safe_dump(manifest.resolved(), sort_keys=False, allow_unicode=True)

            def copy(part: Path) -> None:
                shutil.copytree(shared, part)
                (part / MANIFEST).write_text(text, encoding="utf-8")

            write_whole(directory, copy)
        return selfchal.run(manifest, directory, resume=True, rewrite=variant.rewrite)

    def find_directory(self, variant: Variant) -> Path:
        return self.out / variant.name.replace(" ", "_")

    def measure_original(self, variant: Variant, checkpoint: str | None) -> dict[str, Json]:
        """On M3ToolEval's tasks of the same tools, by the original's rules."""
        overrides = [f"environment.data={self.data}", "environment.profile=compat", "evaluation.tasks=null"]
        name = f"original_{checkpoint or 'final'}"
        directory = self.find_directory(variant)
        return self.remember(
            f"{directory.name}_{name}",
            lambda: selfchal.evaluate(directory, checkpoint, overrides=overrides),
        )

    def measure_untrained(self, temperature: float) -> dict[str, Json]:
        directory = self.find_directory(DISTILLED)
        overrides = [f"evaluation.temperature={temperature}"]
        return self.remember(
            f"untrained_{temperature}", lambda: selfchal.evaluate(directory, "start", overrides=overrides)
        )

    def remember(self, name: str, measure: Callable[[], dict[str, Json]]) -> dict[str, Json]:
        """Each measurement once, in a file of its own."""
        file = self.out / f"{name}.json"
        if not file.exists():
            text = json.dumps(measure(), indent=1, default=str)
            write_whole(file, lambda part: part.write_text(text, encoding="utf-8"))
        found: dict[str, Json] = json.loads(file.read_text(encoding="utf-8"))
        return found


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
        if data:
            measured = [experiment.measure_original(variant, checkpoint) for checkpoint in ("start", None)]
            rows.append(row_of_two(f"{variant.name}, M3ToolEval's tasks", measured[0], measured[1]))
    for temperature in TEMPERATURES if controls else ():
        untrained = experiment.measure_untrained(temperature)
        rows.append([f"untrained at {temperature}", "", write_share(untrained), "", "", ""])
    (out / "table.md").write_text(write_table(rows) + "\n", encoding="utf-8")
    (out / "learn.json").write_text(json.dumps(found, indent=1, default=str), encoding="utf-8")
    click.echo(write_table(rows))


if __name__ == "__main__":
    main()
