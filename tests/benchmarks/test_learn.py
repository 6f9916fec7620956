"""Learning from stored tasks with controls: one command makes the table, and makes nothing twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.benchmarks.loading import FOLDER
from tests.benchmarks.test_challenger import TASK

pytestmark = [pytest.mark.torch, pytest.mark.slow]


def write_manifest(folder: Path) -> Path:
    """The embedded model on one task, so small that a test can wait for it."""
    tasks = folder / "tasks.jsonl"
    tasks.write_text(json.dumps(TASK) + "\n", encoding="utf-8")
    sections = {
        "environment": {"name": "calculation"},
        "model": {"name": "seedling"},
        "tasks": {"from": str(tasks)},
        "trainer": {"name": "rft", "group_size": 2, "keep": "all", "epochs": 1},
        "rollout": {"max_steps": 2, "max_tokens": 24},
        "curriculum": {"validation": 0},
        "evaluation": {"tasks": 4, "samples": 1, "baselines": False},
    }
    manifest = folder / "learn.yaml"
    manifest.write_text(yaml.safe_dump(sections), encoding="utf-8")
    return manifest


def learn(manifest: Path, out: Path) -> str:
    command = [
        sys.executable,
        str(FOLDER / "learn.py"),
        f"--manifest={manifest}",
        f"--out={out}",
        "--controls",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_command_trains_measures_and_goes_on_where_it_was(tmp_path: Path) -> None:
    manifest, out = write_manifest(tmp_path), tmp_path / "out"
    table = learn(manifest, out)
    rows = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]
    assert rows == [
        "distilled",
        "untrained, one solved task shown",
        "unfiltered",
        "random rewards",
        "untrained, temperature 0.2",
        "untrained, temperature 1.0",
    ]
    assert table.strip() == (out / "table.md").read_text(encoding="utf-8").strip()
    found = json.loads((out / "learn.json").read_text(encoding="utf-8"))
    before = [found[name]["before"] for name in ("distilled", "random rewards", "unfiltered")]
    assert before[0] == before[1] == before[2]  # measured once
    kept = {file: file.stat().st_mtime_ns for file in out.glob("**/checkpoints/*/final/*")}
    assert kept
    assert learn(manifest, out) == table
    assert {file: file.stat().st_mtime_ns for file in kept} == kept  # nothing was trained again
