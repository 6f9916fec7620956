"""Stores what runs found under docs/results/data, where `make results` makes tables and pictures of it.

    python benchmarks/store_results.py quickstart --command 'python benchmarks/quickstart.py --seeds 0,1,2' \
        'seed 0=runs/benchmark/seed_0' 'seed 1=runs/benchmark/seed_1' ...

Kept of each run are its scores, funnel, seconds and memory, every sampled reward of its evaluations, and
the mean reward of each update. With them stand the command, the commit of the present checkout (or of
``--commit``), the date on which the last run ended, and this machine, which must be the one that made them.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import click
from seeds import scores

from selfchal.pipeline.statistics import Rows
from selfchal.pipeline.store import RESULTS, Store
from selfchal.write_whole import write_whole

ROOT = Path(__file__).parents[1]
DATA = ROOT / "docs" / "results" / "data"
KEPT = (
    "before",
    "after",
    "difference",
    "elicitation",
    "by_family",
    "do_nothing",
    "held_out_tasks",
    "funnel",
    "seconds",
    "peak_memory_bytes",
    "seeds",
    "versions",
)


def read_run(directory: Path) -> dict[str, Any]:
    """What is kept of a run. Raises StoreError where there is none."""
    with Store.read(directory) as store:
        results, metrics = store.results(), store.metrics()
    rewards: dict[str, list[float]] = {}
    for row in metrics:
        rewards.setdefault(str(row["stage"]), []).append(round(row["reward"], 4))
    samples = {when: write_samples(scores(directory, when)) for when in ("before", "after")}
    return {**{name: results[name] for name in KEPT}, "samples": samples, "rewards": rewards}


def write_samples(rows: Rows) -> str:
    """A word a task, a letter a sample: 1 passed, 0 failed, - could not be judged."""
    letters = {1.0: "1", 0.0: "0", None: "-"}
    return " ".join("".join(letters[reward] for reward in rows[task]) for task in sorted(rows))


def read_samples(text: str) -> dict[str, list[float | None]]:
    """The inverse; tasks are named by their place."""
    rewards = {"1": 1.0, "0": 0.0, "-": None}
    return {f"{i:04}": [rewards[letter] for letter in word] for i, word in enumerate(text.split())}


def read_output(text: str, runs: Sequence[Path]) -> list[str]:
    """The lines that a run printed, with the folder that it lay in called ``runs``: it is read elsewhere."""
    for directory in runs:
        for folder in (directory.absolute().parent, directory.parent):
            text = text.replace(f"{folder}/", "runs/")
    return text.splitlines()


def describe_machine() -> str:
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {gib:.0f} GiB, {platform.system()} {platform.machine()}"


def find_commit() -> str:
    asked = ["git", "log", "-1", "--format=%h", "--", "selfchal", "benchmarks", "examples"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


@click.command(help=__doc__)
@click.argument("name")
@click.argument("runs", nargs=-1, required=True, metavar="LABEL=RUN…")
@click.option("--command", required=True, help="What made the runs.")
@click.option("--commit", help="The commit that they were made at, where it is not the present one.")
@click.option("--note", default="", help="A sentence about how they were run.")
@click.option("--output", type=click.File(encoding="utf-8"), help="What the first run printed.")
def main(
    name: str, runs: tuple[str, ...], command: str, commit: str | None, note: str, output: IO[str] | None
) -> None:
    pairs = [(label, Path(directory)) for label, _, directory in (run.rpartition("=") for run in runs)]
    ended = max((directory / RESULTS).stat().st_mtime for _, directory in pairs)
    found = {
        "command": command,
        "commit": commit or find_commit(),
        "date": time.strftime("%Y-%m-%d", time.gmtime(ended)),
        "machine": describe_machine(),
        "note": note,
        "runs": {label: read_run(directory) for label, directory in pairs},
        "output": read_output(output.read(), [directory for _, directory in pairs]) if output else [],
    }
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    DATA.mkdir(parents=True, exist_ok=True)
    write_whole(DATA / f"{name}.json", lambda part: part.write_text(text, encoding="utf-8"))
    click.echo(f"Wrote {DATA / name}.json. Now: make results")


if __name__ == "__main__":
    main()
