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


@pytest.mark.slow
def test_a_file_that_was_judged_before_a_stop_is_not_judged_again(tmp_path: Path) -> None:
    command = [sys.executable, str(PROGRAM), "--tasks", "4", "--rows", "2", "--out", str(tmp_path)]
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stdout + first.stderr
    kept = sorted(tmp_path.iterdir())
    assert len(kept) == 2
    kept[1].write_text('[{"passed at kept": 2}, ["a row was lost"]]', encoding="utf-8")
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "a row was lost" in second.stdout
