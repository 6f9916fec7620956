"""What a launcher sets, and half of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from selfchal.cli.main import call
from selfchal.core.errors import TrainingError
from selfchal.processes import broadcast_order, count_processes, join_processes

ROOT = Path(__file__).parents[1]
SET = {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}


def set_environment(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name, value in SET.items():
        if name in names:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name, raising=False)


def test_without_a_launcher_there_is_one_process_and_no_torch_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_environment(monkeypatch)
    assert (count_processes(), join_processes(), broadcast_order("train")) == (1, 0, "train")


def test_a_launcher_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, *SET)
    assert count_processes() == 2


@pytest.mark.parametrize("missing", ["RANK", "MASTER_ADDR", "MASTER_PORT"])
def test_half_of_what_a_launcher_sets_is_refused(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    set_environment(monkeypatch, *(name for name in SET if name != missing))
    with pytest.raises(
        TrainingError, match=f"WORLD_SIZE is 2 in the environment, and {missing} not: start with"
    ):
        count_processes()


@pytest.mark.torch
@pytest.mark.parametrize("command", ["run", "validate"])
def test_a_world_size_without_a_launcher_ends_in_one_sentence_before_anything_starts(
    command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    set_environment(monkeypatch, "WORLD_SIZE")
    monkeypatch.chdir(tmp_path)
    assert call([command, str(ROOT / "examples" / "quickstart.yaml")]) == 2
    said = capfd.readouterr()
    assert (said.out + said.err).count("WORLD_SIZE is 2 in the environment") == 1, said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.torch
@pytest.mark.slow
def test_processes_that_left_each_other_end_well_and_can_meet_again() -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ended = subprocess.run(
        [*command, "-m", "tests.leaving_member"],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
