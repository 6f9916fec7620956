"""``benchmarks/gpu.py`` on a CPU: every stage runs, in the code that a GPU would run, and failures are said."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

pytestmark = pytest.mark.torch
PROGRAM = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


def run_gpu(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    command = [sys.executable, str(PROGRAM), "--device", "cpu", *arguments]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=one_thread, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_every_stage_runs_on_a_cpu_and_agrees_with_itself(tmp_path: Path) -> None:
    code, rows = run_gpu("--out", str(tmp_path / "rows.jsonl"))
    assert code == 0, rows
    assert {row["stage"] for row in rows} == {"machine", "doctor", "generate", "train", "lora"}
    ways = {row["way"]: row for row in rows if row["stage"] == "generate"}
    assert ways["selfchal"]["decode_tokens_a_second"] > 0
    assert ways["training against sampling"]["worst"] < 1e-4
    for stage in ("train", "lora"):
        *steps, resumed = [row for row in rows if row["stage"] == stage]
        assert [row["step"] for row in steps] == [1, 2]
        assert steps[1]["loss"] < steps[0]["loss"], "a step on the same batch lowers its loss"
        assert resumed["same_weights"]
    assert [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()] == rows


@pytest.mark.slow
def test_stages_that_no_time_is_left_for_are_named() -> None:
    code, rows = run_gpu("--minutes", "0", "--stage", "train", "--stage", "lora")
    assert code == 0
    assert [(row["stage"], "skipped" in row) for row in rows] == [("train", True), ("lora", True)]


def test_a_stage_that_fails_says_why_and_the_next_one_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    gpu, stages = importlib.import_module("gpu"), importlib.import_module("gpu_stages")
    machine = stages.Machine(torch.device("cpu"), 989.0)
    lost = partial(stages.train, size="unheard-of", episodes=8, length=64, budget=512, lora=False)
    rows = list(gpu.run_stages([("train", lost), ("machine", gpu.describe)], machine, minutes=1))
    assert [row["stage"] for row in rows] == ["train", "machine"]
    assert rows[0]["failed"] == "KeyError: 'unheard-of'"
    assert "failed" not in rows[1]
