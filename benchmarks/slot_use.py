"""How much of the servers' time a fleet uses: the share of their row-seconds in which rows generate.

    python benchmarks/slot_use.py [--servers 2] [--rows 16] [--step 0.01] [--episodes 512] [--turns 4]
        [--tool 0.05] [--barrier] [--lockstep / --no-lockstep]

The servers are ours (tests/support/vllm_protocol.py): real processes and sockets, and a clock in place of a
network. Each token takes `--step` seconds, a server has `--rows` rows, and what finds none waits there. Turns
have log-normal lengths (mean 100 tokens, 512 at most), tools take `--tool` seconds, and twice as many
conversations are under way as there are rows. `--barrier` plays the same with one call a turn for all
conversations, which waits for the longest of them, as it was done before there were fleets.

The share is counted over the whole of the rollouts, with their beginning and their end, where rows stand idle
because no conversation is left. Tokens count by the clock, not by what a busy machine makes of it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from selfchal.builtin_models.config import VllmConfig
from selfchal.builtin_models.vllm_model import VllmModel
from selfchal.core.episode import End, SceneResult
from selfchal.core.model import Message, Sampling, Stream
from selfchal.core.turns import TurnStream
from selfchal.rollout.rollout import Rollout

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.builtin_models.tiny import write_model
from tests.support.vllm_protocol import MOST, write_python


class Scene:
    """A conversation of so many turns, between which a tool takes its seconds."""

    def __init__(self, name: str, turns: int, tool: float) -> None:
        self.name, self.environment, self.left, self.tool = name, "slots", turns, tool

    def start(self) -> Sequence[Message]:
        return [Message("user", f"Find {self.name}")]

    def step(self, text: str) -> Message | None:
        time.sleep(self.tool)
        self.left -= 1
        return Message("user", "Observation: 1") if self.left else None

    def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
        return SceneResult(cut or End.ANSWER)


class Barrier(VllmModel):
    """The same servers, asked for a turn of all conversations at a time."""

    def stream(self, sampling: Sampling) -> Stream:
        return TurnStream(self.generate, sampling)


def measure(model: VllmModel, scenes: list[Scene], rows: int, *, lockstep: bool) -> dict[str, float]:
    """Shares and rates of one roll with twice as many conversations as the fleet has ``rows``."""
    rollout = Rollout(model, Sampling(max_tokens=MOST, seed=1), batch=2 * rows, lockstep=lockstep)
    before = _read_generated(model)
    began = time.perf_counter()
    episodes = rollout.roll(scenes)
    seconds = time.perf_counter() - began
    tokens = sum(sum(episode.mask) for episode in episodes)
    return {
        "slot use": (_read_generated(model) - before) / (rows * seconds),
        "seconds": seconds,
        "tokens a second": tokens / seconds,
        "tokens a turn": tokens / sum(sum(m.role == "assistant" for m in e.messages) for e in episodes),
    }


def _read_generated(model: VllmModel) -> float:
    told = model._loaded.samplers.read_metrics()
    return sum(sums["row_seconds"] for sums in told.values())


@click.command(help=__doc__)
@click.option("--servers", default=2)
@click.option("--rows", default=16, help="Of one server.")
@click.option("--step", default=0.01, help="Seconds a token.")
@click.option("--episodes", default=512)
@click.option("--turns", default=4)
@click.option("--tool", default=0.05, help="Seconds a tool takes.")
@click.option("--barrier", is_flag=True, help="One call a turn for all conversations.")
@click.option("--lockstep/--no-lockstep", default=True)
def main(**options: Any) -> None:
    os.environ["SELFCHAL_PROTOCOL_ROWS"] = str(options["rows"])
    os.environ["SELFCHAL_PROTOCOL_STEP"] = str(options["step"])
    with tempfile.TemporaryDirectory() as folder:
        path = write_model(Path(folder) / "model", "llama")
        config = VllmConfig(
            path=str(path),
            python=str(write_python(Path(folder))),
            replicas=options["servers"],
            train=False,
            device="cpu",
            concurrency=2 * options["rows"],
        )
        model = (Barrier if options["barrier"] else VllmModel)(config)
        scenes = [Scene(str(n), options["turns"], options["tool"]) for n in range(options["episodes"])]
        try:
            found = measure(model, scenes, options["servers"] * options["rows"], lockstep=options["lockstep"])
        finally:
            model.close()
    for name, value in found.items():
        click.echo(f"{name:16} {value:.1%}" if name == "slot use" else f"{name:16} {value:.1f}")


if __name__ == "__main__":
    main()
