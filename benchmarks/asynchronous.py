"""Updates an hour where rollouts and updates take turns, and where they go on at the same time.

    python benchmarks/asynchronous.py [--rollout 30] [--update 25] [--steps 5] [--staleness 0,1]

Whole runs on tasks written by hand: GRPO on the seedling, sampled by two servers of ours that speak vLLM's
protocol (tests/support/vllm_protocol.py), real processes that get the real weights over a directory after
each update. What takes time on GPUs is waiting here: `--rollout` seconds for a batch, by turns of equal
length, and `--update` seconds within each update. What a busy machine adds is shown. Half of the episodes
pass, whatever they did, so that every batch has a signal.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import click
from pydantic import BaseModel

import selfchal
from selfchal import hookimpl
from selfchal.builtin_models.config import VllmConfig
from selfchal.builtin_models.vllm_model import VllmModel
from selfchal.core.episode import Episode
from selfchal.core.model import Model

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.vllm_protocol import write_python

TURNS, TOKENS = 3, 32  # of an episode, and of each of its turns
COLUMNS = (
    "staleness",
    "updates an hour",
    "times as many",
    "s a rollout",
    "s an update",
    "idle s, rollouts",
    "idle s, updates",
    "age, mean and most",
)


class BusyConfig(VllmConfig):
    update_seconds: float = 0.0


class BusyVllm(VllmModel):
    """vLLM's servers, beside a network whose updates take their time."""

    name: ClassVar[str] = "busy_vllm"
    Config: ClassVar[type[BaseModel]] = BusyConfig

    def __init__(self, config: BusyConfig) -> None:
        super().__init__(config)
        self._seconds = config.update_seconds

    def begin_update(self) -> None:
        super().begin_update()
        time.sleep(self._seconds)


@hookimpl
def register_models() -> Iterable[type[Model]]:
    return [BusyVllm]


@dataclass
class Watch:
    """Notes when each update was over, and its metrics."""

    ends: list[float] = field(default_factory=list)
    rows: list[dict[str, float]] = field(default_factory=list)

    @hookimpl
    def update_finished(self, step: int, metrics: dict[str, float]) -> None:
        self.ends.append(time.perf_counter())
        self.rows.append(dict(metrics))


def toss(episodes: Sequence[Episode]) -> None:
    """Half of each task's episodes pass, whatever they did."""
    for episode in episodes:
        episode.reward = float(episode.sample % 2)


def write_tasks(file: Path, count: int) -> Path:
    from natural_tasks import read_tasks

    rows = islice(read_tasks("calculation"), count)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def make_manifest(folder: Path, staleness: int, update: float, steps: int) -> dict[str, Any]:
    return {
        "run": {"name": f"staleness-{staleness}"},
        "plugins": [str(Path(__file__).absolute())],
        "environment": {"name": "calculation"},
        "model": {
            "name": BusyVllm.name,
            "path": str(files("selfchal.builtin_models") / "seedling"),
            "python": str(write_python(folder)),
            "replicas": 2,
            "device": "cpu",
            "update_seconds": update,
        },
        "tasks": {"from": str(write_tasks(folder / "tasks.jsonl", 4))},
        "trainer": {
            "name": "grpo",
            "steps": steps,
            "tasks_per_step": 2,
            "group_size": 2,
            "learning_rate": 1e-5,
            "resample": 0,
            "validation_samples": 0,
            "checkpoint_every": steps,
        },
        "rollout": {
            "batch": 16,
            "max_steps": TURNS,
            "max_tokens": TOKENS,
            "lockstep": False,
            "staleness": staleness,
        },
        "curriculum": {"validation": 0},
        "evaluation": {"samples": 1, "tasks": 1, "baselines": False},
    }


def measure(folder: Path, staleness: int, update: float, steps: int) -> dict[str, float]:
    """Updates an hour from the end of the first one on, and what an update did on average."""
    watch = Watch()
    manifest = make_manifest(folder, staleness, update, steps)
    selfchal.run(manifest, folder / "run", watch=[watch], rewrite=toss)
    spent = watch.ends[-1] - watch.ends[0]
    later = watch.rows[1:]

    def average(name: str) -> float:
        return sum(row.get(name, 0.0) for row in later) / len(later)

    names = ("seconds_rollout", "seconds_update", "seconds_idle_rollout", "seconds_idle_update", "staleness")
    oldest = max(row.get("staleness_max", 0.0) for row in watch.rows)
    return {name: average(name) for name in names} | {"rate": 3600 * len(later) / spent, "oldest": oldest}


def describe(staleness: int, found: dict[str, float], first: dict[str, float]) -> str:
    cells = [
        str(staleness),
        f"{found['rate']:.0f}",
        f"{found['rate'] / first['rate']:.2f}",
        f"{found['seconds_rollout']:.1f}",
        f"{found['seconds_update']:.1f}",
        f"{found['seconds_idle_rollout']:.1f}" if staleness else "–",
        f"{found['seconds_idle_update']:.1f}" if staleness else "–",
        f"{found['staleness']:.2f}, {found['oldest']:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


@click.command(help=__doc__)
@click.option("--rollout", default=30.0, help="Seconds that a batch waits for its turns.")
@click.option("--update", default=25.0, help="Seconds that an update waits.")
@click.option("--steps", default=5, help="Updates.")
@click.option("--staleness", default="0,1", help="Comma-separated; the first is compared with.")
def main(rollout: float, update: float, steps: int, staleness: str) -> None:
    os.environ["SELFCHAL_PROTOCOL_STEP"] = str(rollout / TURNS / TOKENS)
    os.environ["SELFCHAL_PROTOCOL_LENGTH"] = str(TOKENS)
    found = {}
    for value in map(int, staleness.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            found[value] = measure(Path(folder), value, update, steps)
    first = next(iter(found.values()))
    table = [f"| {' | '.join(COLUMNS)} |", f"| {' | '.join(['---'] * len(COLUMNS))} |"]
    table += [describe(value, row, first) for value, row in found.items()]
    click.echo("\n".join(table))


if __name__ == "__main__":
    main()
