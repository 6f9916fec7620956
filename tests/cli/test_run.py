"""``selfchal run`` from a manifest to a report, with the embedded model and settings that take seconds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from selfchal.api.opening import open_environment
from selfchal.core.judge import STANDARD_CHECKS
from selfchal.plugins import load_plugins
from selfchal.testing.endpoint import serve_oracle

pytestmark = pytest.mark.torch

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "examples" / "quickstart.yaml"
LIBRARY = ROOT / "examples" / "selfchal-library" / "manifest.yaml"
SMALL = [
    "--set=evaluation.tasks=6",
    "--set=evaluation.samples=2",
    "--set=challenge.tasks=24",  # as many as are proposed, so that enough are kept
    "--set=challenge.proposals=24",
    # PPO learns from any difference of rewards in a batch, so two updates of a few episodes have a signal
    "--set=trainer={name: ppo, steps: 2, tasks_per_step: 4, group_size: 4, learning_rate: 4.0e-4}",
]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def _selfchal(*arguments: object, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [*prefix, sys.executable, "-m", "selfchal", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that went to its end."""
    directory = tmp_path_factory.mktemp("runs") / "small"
    done = _selfchal("run", QUICKSTART, "--out", directory, *SMALL)
    assert done.returncode == 0, done.stderr
    assert "Held-out tasks: 6" in done.stdout
    assert f"The report: {directory / 'report.html'}" in done.stdout
    return directory


@pytest.mark.slow
def test_a_run_leaves_results_and_report(ended: Path) -> None:
    results = json.loads((ended / "results.json").read_text())
    assert {"before", "after", "difference", "do_nothing", "funnel", "seconds", "peak_memory_bytes"} <= set(
        results
    )
    assert results["funnel"]["proposed"] >= results["funnel"]["kept"] > 0
    assert "<h2>The funnel" in (ended / "report.html").read_text()


@pytest.mark.slow
def test_resuming_an_ended_run_does_nothing_twice(ended: Path) -> None:
    before = json.loads((ended / "results.json").read_text())
    done = _selfchal("run", QUICKSTART, "--out", ended, *SMALL, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    after = json.loads(done.stdout)
    for part in ("before", "after", "difference", "funnel"):
        assert after[part] == before[part]


@pytest.mark.slow
def test_a_run_is_not_overwritten_nor_resumed_with_another_manifest(ended: Path) -> None:
    again = _selfchal("run", QUICKSTART, "--out", ended, *SMALL)
    assert (again.returncode, "already holds a run" in again.stderr) == (2, True)
    other = _selfchal("run", QUICKSTART, "--out", ended, *SMALL, "--set=run.seed=9", "--resume")
    assert (other.returncode, "another manifest: run.seed is 0 there and" in other.stderr) == (2, True)
    assert "Traceback" not in again.stderr + other.stderr


@pytest.mark.slow
def test_a_checkpoint_can_be_measured_again(ended: Path) -> None:
    done = _selfchal("eval", ended, "--json")
    assert done.returncode == 0, done.stderr
    measured, stored = json.loads(done.stdout), json.loads((ended / "results.json").read_text())["after"]
    assert measured["pass@1"] == pytest.approx(stored["pass@1"])
    missing = _selfchal("eval", ended, "--checkpoint", "round_9/final")
    assert (missing.returncode, "no checkpoint" in missing.stderr) == (2, True)


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    command = [sys.executable, "-m", "selfchal", "run", str(QUICKSTART), f"--out={directory}", *SMALL]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
    )
    while not (directory / "store.sqlite").exists() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Go on with:\n  selfchal run " in err
    assert f"--out={directory} --resume" in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_the_manifest_of_the_third_party_environment_runs_with_an_endpoint(tmp_path: Path) -> None:
    if "library" not in load_plugins().names("environment"):
        pytest.skip("the package is not installed: pip install -e examples/selfchal-library")
    tiny = ["--set=evaluation.tasks=3", "--set=challenge.proposals=4", "--set=challenge.tasks=2"]
    task = {"instruction": "Lend something.", "evaluate": "", "solution": "", "failures": []}
    with serve_oracle(open_environment("library"), task) as url:
        where = f"--set=model.base_url={url}"
        done = _selfchal("run", LIBRARY, "--out", tmp_path / "run", *tiny, where)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["funnel"]["proposed"] == 4
    assert results["before"]["pass@1"] == 1.0, "this endpoint knows the answers"


def offline() -> tuple[str, ...]:
    """The command prefix that cuts the network; skips where this machine cannot."""
    unshare = shutil.which("unshare")
    prefix = (unshare or "", "-n") if os.geteuid() == 0 else (unshare or "", "-rn")
    if unshare is None or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no network namespace can be made here, so the network cannot be cut")
    return prefix


@pytest.mark.slow
@pytest.mark.parametrize("size", ["400k", "2m"])  # full at the store, and at the first checkpoint
def test_a_full_disk_is_a_sentence(tmp_path: Path, size: str) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk can be mounted by root only")
    try:
        done = _selfchal("run", QUICKSTART, "--out", small / "run", *SMALL)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)
    assert done.returncode == 2, done.stderr
    assert "--resume" in done.stderr
    assert ("checkpoints" in done.stderr) == (size == "2m")
    assert "Traceback" not in done.stderr


def test_a_place_that_cannot_be_written_is_a_sentence(selfchal: Any) -> None:
    ended = selfchal("run", QUICKSTART, "--out", "/proc/nowhere")
    assert ended.code == 2
    assert "cannot create the run in /proc/nowhere" in ended.err


def test_validate_names_path_and_nearest_key(selfchal: Any, tmp_path: Path) -> None:
    assert "is valid: environment calculation" in selfchal("validate", QUICKSTART).out
    wrong = selfchal("validate", QUICKSTART, "--set", "trainer.grop_size=8")
    assert (wrong.code, "trainer.grop_size: no such key; did you mean 'group_size'?" in wrong.err) == (
        2,
        True,
    )
    broken = tmp_path / "broken.yaml"
    broken.write_text("run: {name: [")
    assert "is not valid YAML" in selfchal("validate", broken).err
    filled = selfchal("validate", QUICKSTART, "--json").json
    assert filled["trainer"]["clip_low"] == 0.1


def test_the_schema_accepts_what_validate_accepts(selfchal: Any) -> None:
    schema = selfchal("schema").json
    assert schema["required"] == ["model"]
    assert schema["anyOf"] == [{"required": ["environment"]}, {"required": ["environments"]}]
    checks = [one["$ref"] for one in schema["properties"]["checks"]["items"]["anyOf"]]
    assert checks == [f"#/$defs/checks.{name}" for name in sorted(["attempts", *STANDARD_CHECKS])]
    assert "enabled" in schema["$defs"]["checks.completeness"]["properties"]
    assert "share" in schema["$defs"]["environments.retail"]["properties"]
    assert "share" not in schema["$defs"]["environment.retail"]["properties"]
    assert "trainer.grpo" in schema["$defs"]
    assert schema["$defs"]["trainer.grpo"]["properties"]["group_size"]["description"]
