"""What a training process holds, measured as it grows: weights, reference, masters, gradients and the rest.

    python benchmarks/memory_by_part.py [--json]
    torchrun --nproc-per-node 2 benchmarks/memory_by_part.py --parallel shard

A network of 58 million parameters in bfloat16, trained by GRPO with a reference, on the CPU. Each figure is
the growth of the process's resident memory over one step of a training, in bytes a parameter of the whole
network; with torchrun each process says its own. ``logits`` are bytes at the peak of one pass over 2,000
tokens with a vocabulary of 128,256.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from selfchal.builtin_trainers.batch import micro_batches
from selfchal.builtin_trainers.forward import score
from selfchal.builtin_trainers.grpo.algorithm import GrpoAlgorithm
from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.on_policy import update
from selfchal.builtin_trainers.optim import Optimizer, frozen_reference
from selfchal.builtin_trainers.parallel import Team
from selfchal.core.episode import Episode, Group

PAGE = resource.getpagesize()
EXACT = {
    "MALLOC_MMAP_THRESHOLD_": str(2**16),
    "MALLOC_TRIM_THRESHOLD_": "0",
}  # what is freed leaves the process


def make_network(vocabulary: int, hidden: int, layers: int) -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=hidden * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=8,
        num_key_value_heads=8,
    )
    network: Any = LlamaForCausalLM(config)
    return network.to(torch.bfloat16).eval()


def make_episode(tokens: int, reward: float, sample: int) -> Episode:
    episode = Episode(task="task", sample=sample, reward=reward)
    episode.ids = [(sample + 7 * n) % 1_000 for n in range(tokens + 1)]
    episode.mask, episode.logprobs = [0] + [1] * tokens, [0.0] * (tokens + 1)
    return episode


def resident() -> int:
    """Bytes of memory that this process has now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


def peak() -> int:
    """The most bytes that this process ever had. What getrusage says begins with its parent's."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


class Growth:
    """Resident memory by name, each over the one before."""

    def __init__(self) -> None:
        self.last, self.parts = resident(), dict[str, int]()

    def note(self, part: str) -> None:
        now = resident()
        self.parts[part], self.last = now - self.last, now


def measure_training(parallel: str) -> dict[str, float]:
    """Bytes a parameter of the whole network, by part, in this process."""
    team = Team()
    config = GrpoConfig.model_validate({"kl": 0.01, "parallel": parallel, "importance_cap": None})
    warm_up = make_network(64, 64, 1)  # what torch sets up once
    score(warm_up, micro_batches([make_episode(8, 1.0, 0)], 64)[0].to(torch.device("cpu")))
    growth = Growth()
    network = make_network(32_000, 512, 8)
    growth.note("weights")
    parameters = sum(weight.numel() for weight in network.parameters())
    reference = frozen_reference(network, team, config)
    growth.note("reference")
    optimizer = Optimizer(network, config, team, config)
    optimizer.release()
    growth.note("masters, less whole weights where sharded")
    optimizer.adamw.register_step_pre_hook(lambda *_: growth.note("gradients at the step"))
    algorithm = GrpoAlgorithm(config)
    batch = algorithm.choose([Group("task", tuple(make_episode(16, float(n), n) for n in range(2)))])
    assert batch is not None, "the rewards differ"
    update(algorithm, optimizer, reference, batch, 1)
    growth.note("moments, less gradients")
    optimizer.fill()
    growth.note("whole weights for rollouts, where sharded")
    return {part: round(grown / parameters, 3) for part, grown in growth.parts.items()}


def measure_logits(tokens: int = 2_000) -> int:
    """Bytes at the peak of a pass, over what a pass of few tokens takes."""
    network = make_network(128_256, 64, 1)
    for count in (4, tokens):
        before = peak()
        score(network, micro_batches([make_episode(count, 1.0, 0)], 10_000)[0]).logprobs.sum().backward()
    return peak() - before


@click.command()
@click.option("--parallel", default="replicate", show_default=True)
@click.option("--json", "as_json", is_flag=True)
@click.option("--logits", "logits_alone", is_flag=True, hidden=True)
def main(parallel: str, as_json: bool, logits_alone: bool) -> None:
    if any(os.environ.get(name) != value for name, value in EXACT.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **EXACT})
    torch.set_num_threads(1)
    if logits_alone:
        click.echo(measure_logits())
        return
    row: dict[str, Any] = {"rank": Team().rank, "bytes a parameter": measure_training(parallel)}
    if Team().size == 1:  # in a process of their own, whose peak nothing else has reached
        row["logits"] = int(subprocess.check_output([sys.executable, __file__, "--logits"]))
    click.echo(json.dumps(row) if as_json else "\n".join(f"{key}: {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
