"""Benchmarks of two commits in turns: each commit runs its own code, and nothing is left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="the other commit's package is built by what is installed here")
ROOT = Path(__file__).parents[2]


def list_work_trees() -> list[str]:
    command = ["git", "worktree", "list", "--porcelain"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if "selfchal-compare-" in line]


@pytest.mark.slow
def test_both_commits_run_the_benchmark_in_turns_and_the_work_tree_is_removed() -> None:
    command = [
        sys.executable,
        "scripts/compare_commits.py",
        "HEAD",
        "--rounds",
        "2",
        "--",
        "judging",
        "--help",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    headings = [line.rsplit(",", 1)[0] for line in done.stdout.splitlines() if line.startswith("Round")]
    assert headings == ["Round 1, HEAD", "Round 1, this checkout", "Round 2, HEAD", "Round 2, this checkout"]
    assert done.stdout.count("usage: judging.py") == 4
    assert list_work_trees() == []


@pytest.mark.slow
def test_a_benchmark_that_fails_is_shown_with_its_error() -> None:
    command = [
        sys.executable,
        "scripts/compare_commits.py",
        "HEAD",
        "--rounds",
        "1",
        "--",
        "judging",
        "--no-such",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.count("unrecognized arguments: --no-such") == 2
