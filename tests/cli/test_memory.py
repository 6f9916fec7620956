"""``run --dry-run`` and ``doctor`` say what memory, tokens and hours a run takes, and refuse what cannot fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfchal.pipeline.footprint import measure_footprint
from selfchal.pipeline.gpus import parse_gpus
from selfchal.pipeline.manifest import read_manifest, validate
from selfchal.plugins import load_plugins
from tests.cli.conftest import Selfchal

pytestmark = pytest.mark.torch  # what the manifests name must be installed

MANIFEST = """
environment: {name: calculation}
model: {name: transformers, path: meta-llama/Llama-3.1-8B-Instruct, dtype: bfloat16, context: 8192}
challenge: {tasks: 100, proposals: 200}
trainer: {name: grpo, kl: 0.001, micro_batch_tokens: 8192, steps: 10, resample: 0}
evaluation: {tasks: 4}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")  # so that no GPU of this machine is found
    path = tmp_path / "m.yaml"
    path.write_text(MANIFEST)
    return path


def test_a_dry_run_says_the_memory_by_part(selfchal: Selfchal, file: Path) -> None:
    ended = selfchal("run", file, "--dry-run")
    assert ended.code == 0
    assert "memory     updating" in ended.out
    assert "weights 16.1, masters 32.1, moments 64.2, gradients 32.1, reference 16.1" in ended.out
    assert "GPUs: none found, counted for 1 process; --gpus 4x80 plans for four of 80 GB" in ended.out


def test_what_does_not_fit_is_refused_with_the_nearest_that_does(selfchal: Selfchal, file: Path) -> None:
    ended = selfchal("run", file, "--dry-run", "--gpus", "8x80")
    assert ended.code == 2
    assert "it does not fit" in ended.out
    assert "and each has 80.0 GB. The nearest that fits, in " in ended.err
    assert ": trainer.parallel: shard with 8 GPUs" in ended.err
    mended = ["--set=model.gradient_checkpointing=true", "--set=trainer.parallel=shard"]
    ended = selfchal("run", file, "--dry-run", "--gpus", "8x80", *mended)
    assert (ended.code, "8 processes: it fits, with" in ended.out) == (0, True)


def test_gpus_that_sample_train_nothing(selfchal: Selfchal, file: Path) -> None:
    apart = "model={name: vllm, path: meta-llama/Llama-3.1-8B-Instruct, python: x, gpus: [4, 5, 6, 7]}"
    described = json.loads(selfchal("doctor", file, "--gpus", "8x80", "--json", "--set", apart).out)
    assert described["memory"]["processes"] == 4


def test_doctor_says_the_same_of_a_manifest(selfchal: Selfchal, file: Path) -> None:
    ended = selfchal("doctor", file, "--gpus", "1x24")
    assert (ended.code, "GPUs       1 of 24 GB" in ended.out) == (2, True)
    assert "model.lora: {r: 16}" in ended.err
    assert "GPUs       none found" in selfchal("doctor", file).out
    described = json.loads(selfchal("doctor", file, "--gpus", "1x24", "--json").out)
    assert described["memory"]["fits"] is False
    assert described["memory"]["nearest"].endswith("model.lora: {r: 16}")
    assert described["memory"]["updating"]["moments"] == 8 * 8_030_261_248
    assert json.loads(selfchal("doctor", "--json").out) == {"gpus": None, "memory": None}


def test_hours_follow_from_stated_speeds(selfchal: Selfchal, file: Path) -> None:
    speeds = ["--sampling-speed", "1000", "--training-speed", "2000"]
    known: dict[str, Any] = json.loads(selfchal("run", file, "--dry-run", "--json", *speeds).out)
    tokens = known["stage_tokens"]
    assert tokens["challenge"] == 200 * 8192  # 15 turns of 1,024 tokens would not fit into the context
    assert tokens["train"] == 10 * 32 * 8 * 15 * 512
    assert tokens["update"] == 10 * 32 * 8 * 8192
    assert known["hours"]["train"] == pytest.approx(tokens["train"] / 1000 / 3600)
    assert known["hours"]["update"] == pytest.approx(tokens["update"] / 2000 / 3600)
    ended = selfchal("run", file, "--dry-run", "--sampling-speed", "1000")
    assert "h of these stages, at the speeds that are stated" in ended.out
    assert json.loads(selfchal("run", file, "--dry-run", "--json").out)["hours"] == {}


@pytest.mark.parametrize(
    "options", [["--gpus", "4x80"], ["--sampling-speed", "9"], ["--training-speed", "9"]], ids=" ".join
)
def test_a_run_itself_is_planned_for_nothing(selfchal: Selfchal, file: Path, options: list[str]) -> None:
    ended = selfchal("run", file, *options)
    assert (ended.code, "are for --dry-run" in ended.err) == (2, True)


@pytest.mark.parametrize("gpus", ["many", "4x", "4x80GB"])
def test_gpus_that_cannot_be_read_are_an_error(selfchal: Selfchal, file: Path, gpus: str) -> None:
    ended = selfchal("run", file, "--dry-run", "--gpus", gpus)
    assert (ended.code, "such as 4x80" in ended.err) == (2, True)


def test_a_model_that_is_not_counted_is_said_to_be_so(selfchal: Selfchal, file: Path) -> None:
    ended = selfchal("run", file, "--dry-run", "--set", "model={name: seedling}")
    assert (ended.code, "memory     not worked out" in ended.out) == (0, True)


@pytest.mark.parametrize("trainer", ["grpo", "dpo", "trl_dpo", "trl_grpo"])
@pytest.mark.parametrize("gpus", ["1x24", "1x80", "8x80"])
def test_what_is_named_as_nearest_is_valid_and_fits(file: Path, trainer: str, gpus: str) -> None:
    def measure(overrides: list[str]) -> Any:
        rows = read_manifest(file, [f"trainer={{name: {trainer}}}", *overrides])
        return measure_footprint(validate(rows, load_plugins()), parse_gpus(gpus))

    found = measure([])
    if not found.refusal or "The nearest" not in found.refusal:
        return
    words = found.refusal.partition(": ")[2]
    changes = [change.partition(" with ")[0].replace(": ", "=", 1) for change in words.split(", ")]
    if "GPUs" in words:
        gpus = f"{words.partition(' with ')[2].partition(' ')[0]}x{gpus.partition('x')[2]}"
    if any("quantization" in change for change in changes):
        pytest.importorskip("bitsandbytes")
    assert measure(changes).refusal == ""
