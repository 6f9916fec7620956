"""Mutated tasks crash nothing, and no row costs another its verdict: the full size is a benchmark of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "fuzz_judge.py"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_thousand_mutated_tasks_each_get_a_verdict() -> None:
    command = [sys.executable, str(PROGRAM), "--tasks", "2000", "--rows", "500", "--seed", "7"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "no fault" in ended.stdout
