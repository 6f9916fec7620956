"""From nothing to an environment that keeps every rule, in at most ten commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_commands_of_a_first_environment_all_work() -> None:
    program = [sys.executable, str(ROOT / "scripts" / "time_plugin_author.py"), "--print"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n$ ") <= 10
    assert "my_desk: 25 kept" in done.stdout
