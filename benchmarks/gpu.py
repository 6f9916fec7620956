"""A first look at one GPU: what generation and training reach there, with random weights.

    python benchmarks/gpu.py [--device cuda] [--minutes 8] [--stage train ...] [--out gpu.jsonl]

Prints a JSON line for each figure. Nothing is downloaded, and no weights are needed. The plan for a GPU is
made for one of 80 GB: it generates with networks of 1 and 8 billion parameters beside transformers' own
`generate`, compares the log-probabilities of sampling with those of training, makes whole GRPO updates (all
weights at 1 and 4 billion, LoRA at 8), and resumes a training from its state. On a CPU the same stages run
on a tiny network, which shows that they work and says nothing of speed.

A stage that fails says why, and the next one runs. A stage begins only while there are minutes left. The
exit code is 1 where a stage failed. LoRA needs selfchal[peft].

For a machine without a network, scripts/collect_for_gpu.py collects what it lacks.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from gpu_stages import SIZES, Machine, Row, Stage, generate, train

Plan = list[tuple[str, Stage]]


def plan(machine: Machine, size: str) -> Plan:
    """The stages in order: what tells most comes first, what may not fit last. ``size`` is for a CPU."""
    if machine.device.type == "cpu":
        return [
            ("machine", describe),
            ("doctor", doctor),
            ("generate", partial(generate, size=size, rows=8, prompt=64, new=16)),
            ("train", partial(train, size=size, episodes=8, length=128, budget=512, lora=False)),
            ("lora", partial(train, size=size, episodes=8, length=128, budget=512, lora=True)),
        ]
    return [
        ("machine", describe),
        ("doctor", doctor),
        ("generate", partial(generate, size="1b", rows=64, prompt=1024, new=128)),
        ("train", partial(train, size="1b", episodes=32, length=2048, budget=16384, lora=False)),
        ("lora", partial(train, size="8b", episodes=16, length=4096, budget=8192, lora=True)),
        ("generate", partial(generate, size="8b", rows=16, prompt=2240, new=64)),
        ("generate", partial(generate, size="8b", rows=64, prompt=2240, new=64)),
        ("train", partial(train, size="4b", episodes=8, length=4096, budget=8192, lora=False)),
        ("generate", partial(generate, size="8b", rows=128, prompt=2240, new=64)),
    ]


def describe(machine: Machine) -> Iterator[Row]:
    cuda = machine.device.type == "cuda"
    yield {
        "device": torch.cuda.get_device_name(machine.device) if cuda else platform.machine(),
        "memory_gb": round(torch.cuda.mem_get_info(machine.device)[1] / 1e9, 1) if cuda else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def doctor(machine: Machine) -> Iterator[Row]:
    """What ``selfchal doctor`` says of this machine: its sandboxes, and which packages are missing."""
    command = [sys.executable, "-m", "selfchal", "doctor"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    yield {"lines": done.stdout.splitlines()}


def run_stages(stages: Plan, machine: Machine, minutes: float) -> Iterator[Row]:
    """The rows of all stages, each with its stage's name; a failure is a row with ``failed``."""
    end = time.monotonic() + 60 * minutes
    for name, stage in stages:
        if time.monotonic() > end:
            yield {"stage": name, **_read_arguments(stage), "skipped": f"{minutes:g} minutes are over"}
            continue
        try:
            for row in stage(machine):
                yield {"stage": name, **_read_arguments(stage), **row, **machine.take_peak_memory()}
        except Exception as error:  # noqa: BLE001 # no memory, no package: said, and the next stage runs
            failed = f"{type(error).__name__}: {error}"[:500]
            yield {"stage": name, **_read_arguments(stage), "failed": failed, **machine.take_peak_memory()}
        machine.free_memory()


def _read_arguments(stage: Stage) -> dict[str, Any]:
    return dict(stage.keywords) if isinstance(stage, partial) else {}


@click.command(help=__doc__)
@click.option(
    "--device", default="auto", show_default=True, help="auto (a GPU if there is one), cuda or cpu."
)
@click.option("--minutes", default=8.0, show_default=True, help="No stage begins later than this.")
@click.option("--stage", "names", multiple=True, help="Only the stages of this name; may be repeated.")
@click.option("--size", default="tiny", show_default=True, type=click.Choice(list(SIZES)), help="On a CPU.")
@click.option("--peak-tflops", default=989.0, show_default=True, help="Of the GPU in bfloat16, for the MFU.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the lines into this file too.")
def main(
    device: str, minutes: float, names: tuple[str, ...], size: str, peak_tflops: float, out: Path | None
) -> None:
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    machine = Machine(torch.device(device), peak_tflops)
    stages = plan(machine, size)
    if unknown := set(names) - {name for name, _ in stages}:
        raise click.UsageError(f"there is no stage {', '.join(sorted(unknown))}")
    chosen = [(name, stage) for name, stage in stages if not names or name in names]
    failed = False
    for row in run_stages(chosen, machine, minutes):
        line = json.dumps(row)
        click.echo(line)
        sys.stdout.flush()  # whoever kills a machine that hangs has what was measured so far
        if out is not None:
            with out.open("a") as file:
                file.write(line + "\n")
        failed = failed or "failed" in row
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
