"""``selfchal eval`` as a program of its own, on a machine that lacks something."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart.yaml"
TINY = ("--set=evaluation.tasks=10", "--set=evaluation.samples=4")


def _forbid_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


@pytest.mark.slow
@pytest.mark.torch
def test_too_few_descriptors_are_named_and_end_with_an_exit_code_of_their_own() -> None:
    """A sandbox that cannot be reached is no failure of the agent, and its score is not to be relied upon."""
    ended = subprocess.run(
        [sys.executable, "-m", "selfchal", "eval", str(QUICKSTART), *TINY, "--json"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_forbid_files,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if "Too many references" in ended.stderr:
        pytest.skip("other tests of this user are sending so many descriptors that no sandbox starts with 64")
    assert ended.returncode == 3, ended.stderr
    found = json.loads(ended.stdout)
    assert found["too_many_not_judged"]
    assert "EMFILE" in found["commonest_cause"]
    assert found["intervals"]["pass@1"][0] < (1 - found["share_not_judged"]) * 0.99
    assert "too many episodes could not be judged" in ended.stderr
