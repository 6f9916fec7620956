"""One decode step of the seedling: plain, attending in parts, compiled, exported and traced.

    OMP_NUM_THREADS=1 python benchmarks/decode_step.py [--rows 4 --rows 32] [--way trace] [--repeats 10]

A decode step feeds every conversation of a batch one token. In a network of a million parameters the Python
between the operations takes a good part of it, so recording the operations might pay. For each way this
prints how long it takes until it has answered at every number of rows, which is what a run waits for:
wall clock with compilation, and CPU seconds without what a C++ compiler takes. It also prints the largest
difference of the logits from the plain step's, and the CPU time of a step beside the plain step's.
`parts` is the step as generation runs it: rows of similar length attend together. The lengths of the
conversations are drawn as rollouts have them: most are short, and one is as long as the cache.
Ways take turns, and the best of the repeats counts. `compile` needs a C++ compiler. What follows from the
figures stands in docs/design/decode_step.md.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import click
import torch
from torch import Tensor, nn
from torch.export import Dim
from transformers import PreTrainedModel
from transformers.cache_utils import Cache

from selfchal.builtin_models.generation.attention import attending_in_parts, split_rows
from selfchal.builtin_models.generation.ragged_cache import AttentionRows, Layer, WritePlan, cache_name
from selfchal.builtin_models.generation.row_selection import conv_rows
from selfchal.builtin_models.seedling_model import SeedlingConfig, SeedlingModel

Run = Callable[..., Tensor]
COLUMNS, USED = 224, 200  # tokens that the cache has memory for, and that its longest conversation holds
STEPS = 20  # steps that are timed together


class Step(nn.Module):
    """The step as a function of tensors alone, which is what can be recorded. It writes into the caches."""

    def __init__(self, network: PreTrainedModel) -> None:
        super().__init__()
        self.network = network
        self._cache_name = cache_name(network)

    def forward(self, ids: Tensor, positions: Tensor, mask: Tensor, *caches: Tensor) -> Tensor:
        """ids, positions [rows, 1]; mask [rows, 1, 1, used]; the caches of each layer in order."""
        layers: list[Layer] = []
        at = 0  # an index and no iterator, since torch.compile may stop and go on inside this loop
        for kind in self.network.config.layer_types:
            if kind == "conv":
                layers.append(conv_rows(caches[at]))
                at += 1
                continue
            plan = WritePlan(caches[at].shape[2])
            plan.start_pass(positions, used=mask.shape[-1])
            layer = AttentionRows(plan)
            layer.buffers = [caches[at], caches[at + 1]]
            layers.append(layer)
            at += 2
        cache = {self._cache_name: Cache(layers=list(layers))}
        output = self.network(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True, **cache
        )
        logits: Tensor = output.logits
        return logits


def make_inputs(network: PreTrainedModel, rows: int) -> tuple[Tensor, ...]:
    """Random conversations of different lengths, in the order of ``Step.forward``."""
    torch.manual_seed(rows)
    config: Any = network.config  # of which transformers declares only what all kinds of network have
    lengths = (USED * torch.rand(rows, 1) ** 2).long().clamp(USED // 8, USED - 1)
    lengths[0] = USED - 1
    lengths = lengths.sort(0, descending=True).values  # as generation sorts its rows
    mask = torch.zeros(rows, 1, 1, USED)
    mask.masked_fill_(torch.arange(USED) > lengths[:, None, None], torch.finfo(torch.float32).min)
    heads, width = config.num_key_value_heads, config.hidden_size // config.num_attention_heads
    caches = []
    for kind in config.layer_types:
        if kind == "conv":
            caches.append(torch.randn(rows, config.hidden_size, config.conv_L_cache))
        else:
            caches += [torch.randn(rows, heads, COLUMNS, width) for _ in range(2)]
    return torch.randint(config.vocab_size, (rows, 1)), lengths, mask, *caches


def trace(step: Step, example: tuple[Tensor, ...]) -> Run:
    with warnings.catch_warnings():
        # It is known to be deprecated, and the branches that it warns of are the same at every size.
        warnings.filterwarnings("ignore", message="`torch.jit.trace", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="Converting a tensor to a Python")
        recorded: Run = torch.jit.trace(step, example, strict=False, check_trace=False)
    return recorded


def export(step: Step, example: tuple[Tensor, ...]) -> Run:
    rows, columns, used = Dim("rows", min=2), Dim("columns", min=2), Dim("used", min=2)
    shapes = [{0: rows, 2: columns} if tensor.dim() == 4 else {0: rows} for tensor in example]
    shapes[2] = {0: rows, 3: used}
    named = {"ids": shapes[0], "positions": shapes[1], "mask": shapes[2], "caches": tuple(shapes[3:])}
    return torch.export.export(step, example, dynamic_shapes=named, strict=False).module()


def attend_in_parts(step: Step, example: tuple[Tensor, ...]) -> Run:
    def run(ids: Tensor, positions: Tensor, *rest: Tensor) -> Tensor:
        with attending_in_parts(split_rows((positions[:, 0] + 1).tolist())):
            return step.forward(ids, positions, *rest)

    return run


WAYS: dict[str, Callable[[Step, tuple[Tensor, ...]], Run]] = {
    "plain": lambda step, example: step,
    "parts": attend_in_parts,
    "trace": trace,
    "export": export,
    "compile": lambda step, example: torch.compile(step, dynamic=True),
}


def copy(inputs: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.clone() for tensor in inputs]


def seconds_a_step(run: Run, inputs: Sequence[Tensor]) -> float:
    began = time.process_time()
    for _ in range(STEPS):
        run(*inputs)
    return (time.process_time() - began) / STEPS


@torch.no_grad()
def measure(names: Sequence[str], sizes: Sequence[int], repeats: int) -> None:
    step = Step(SeedlingModel(SeedlingConfig()).network)
    inputs = {rows: make_inputs(step.network, rows) for rows in sizes}
    wanted = {rows: step(*copy(given)) for rows, given in inputs.items()}
    ways: dict[str, Run] = {}
    for name in names:
        began, worked = time.perf_counter(), time.process_time()
        run = WAYS[name](step, tuple(copy(inputs[sizes[-1]])))
        got = {rows: run(*copy(given)) for rows, given in inputs.items()}
        took, busy = time.perf_counter() - began, time.process_time() - worked
        worst = max(float((got[rows] - wanted[rows]).abs().max()) for rows in sizes)
        click.echo(
            f"{name:8} ready after {took:6.2f} s ({busy:.2f} s of CPU), largest difference {worst:.0e}"
        )
        ways[name] = run
    best = {(name, rows): float("inf") for name in ways for rows in sizes}
    for _ in range(repeats):
        for rows in sizes:
            for name, run in ways.items():
                best[name, rows] = min(best[name, rows], seconds_a_step(run, inputs[rows]))
    for rows in sizes:
        plain = best["plain", rows]
        figures = (
            f"{name} {1e3 * best[name, rows]:.2f} ms ({best[name, rows] / plain:.2f})" for name in ways
        )
        click.echo(f"{rows:4} rows: {', '.join(figures)}")


@click.command(help=__doc__)
@click.option("--rows", multiple=True, default=(4, 32, 192), show_default=True)
@click.option("--way", "names", multiple=True, type=click.Choice(list(WAYS)), default=list(WAYS))
@click.option("--repeats", default=10, show_default=True)
def main(rows: tuple[int, ...], names: tuple[str, ...], repeats: int) -> None:
    """``plain`` is always measured, as the others are compared with it."""
    measure(["plain", *(name for name in names if name != "plain")], rows, repeats)


if __name__ == "__main__":
    main()
