"""Stores what runs found under docs/results/data, where `make results` makes tables and pictures of it.

    python benchmarks/store_results.py quickstart --command 'python benchmarks/quickstart.py --seeds 0,1,2' \
        'seed 0=runs/benchmark/seed_0' 'seed 1=runs/benchmark/seed_1' ...

Kept of each run are its scores, funnel, seconds and memory, every sampled reward of its evaluations, and
the mean reward of each update. With them stand the command, the commit of the present checkout (or of
``--commit``), the date on which the last run ended, and this machine, which must be the one that made them.

    python benchmarks/store_results.py filters --command "python benchmarks/ablation.py" --tables table.md

keeps the tables that a benchmark printed, where the runs say nothing that the tables do not.
"""

from __future__ import annotations

import json
import os
import platform
import re
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
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_RULE = re.compile(r":?-{3,}:?")  # what stands between a table's head and its rows
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


def read_tables(text: str) -> list[list[list[str]]]:
    """The Markdown tables of a text, each a list of rows of cells, without the line below the head."""
    tables: list[list[list[str]]] = []
    ended = True
    for line in map(str.strip, text.splitlines()):
        if not line.startswith("|"):
            ended = True
            continue
        if ended:
            tables.append([])
            ended = False
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not all(_RULE.fullmatch(cell) for cell in cells):
            tables[-1].append(cells)
    return tables


def describe_machine() -> str:
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {gib:.0f} GiB, {platform.system()} {platform.machine()}"


def find_commit() -> str:
    asked = ["git", "log", "-1", "--format=%h", "--", "selfchal", "benchmarks", "examples"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


@click.command(help=__doc__)
@click.argument("name")
@click.argument("runs", nargs=-1, metavar="LABEL=RUN…")
@click.option("--command", required=True, help="What made the runs.")
@click.option("--commit", help="The commit that they were made at, where it is not the present one.")
@click.option("--note", default="", help="A sentence about how they were run.")
@click.option("--output", type=click.File(encoding="utf-8"), help="What the first run printed.")
@click.option("--tables", type=_FILE, help="Markdown tables that a benchmark printed.")
def main(
    name: str,
    runs: tuple[str, ...],
    command: str,
    commit: str | None,
    note: str,
    output: IO[str] | None,
    tables: Path | None,
) -> None:
    pairs = [(label, Path(directory)) for label, _, directory in (run.rpartition("=") for run in runs)]
    made = [directory / RESULTS for _, directory in pairs] + ([tables] if tables else [])
    if not made:
        raise click.UsageError("name runs as LABEL=RUN, or a file of tables with --tables")
    found: dict[str, Any] = {
        "command": command,
        "commit": commit or find_commit(),
        "date": time.strftime("%Y-%m-%d", time.gmtime(max(path.stat().st_mtime for path in made))),
        "machine": describe_machine(),
        "note": note,
    }
    if pairs:
        found["runs"] = {label: read_run(directory) for label, directory in pairs}
    if output:
        found["output"] = read_output(output.read(), [directory for _, directory in pairs])
    if tables:
        found["tables"] = read_tables(tables.read_text(encoding="utf-8"))
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    DATA.mkdir(parents=True, exist_ok=True)
    write_whole(DATA / f"{name}.json", lambda part: part.write_text(text, encoding="utf-8"))
    click.echo(f"Wrote {DATA / name}.json. Now: make results")


if __name__ == "__main__":
    main()
