"""The README's first command to its end, with the network cut: what a newcomer sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.test_run import QUICKSTART, offline

pytestmark = pytest.mark.torch


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_the_quick_start_learns_without_a_network(tmp_path: Path) -> None:
    directory = tmp_path / "quickstart"
    command = [*offline(), sys.executable, "-m", "selfchal", "run", str(QUICKSTART), f"--out={directory}"]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    results = json.loads((directory / "results.json").read_text())
    assert results["held_out_tasks"] >= 200
    assert results["difference"]["low"] > 0
    assert results["do_nothing"] == 0
    assert results["peak_memory_bytes"] < 2e9
    assert (directory / "report.html").stat().st_size < 20e6
    assert seconds < 600  # 240 on two cores of their own; CI's are shared
