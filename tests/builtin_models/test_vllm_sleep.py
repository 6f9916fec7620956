"""Sleep, update, wake, push, sample: in this order for every server, alone and under torchrun."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from selfchal.builtin_models.config import VllmConfig
from selfchal.builtin_models.vllm_model import VllmModel
from tests.builtin_models import team_member
from tests.builtin_models.talks import prompts
from tests.builtin_models.test_vllm_model import check_exact
from tests.support.vllm_protocol import read_record, write_python

pytestmark = pytest.mark.torch

ROOT = Path(__file__).parents[2]
TEXT = "/v1/completions"
UPDATE = [
    "/sleep?level=2",
    "/wake_up?tags=weights",
    "/collective_rpc",
    "/reset_prefix_cache",
    "/wake_up?tags=kv_cache",
]


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SELFCHAL_PROTOCOL_RECORD", str(tmp_path / "record.jsonl"))
    return tmp_path / "record.jsonl"


def tell_story(record: Path) -> dict[int, list[str]]:
    """By server: what it was asked, requests for text in a row told once, without the emptying of caches
    before each roll."""
    asked = defaultdict(list)
    for row in read_record(record):
        asked[row["port"]].append(row["path"])
    return {port: [path for path, _ in groupby(paths)] for port, paths in asked.items()}


def leave_out_resets(paths: list[str]) -> list[str]:
    kept = [path for path in paths if path != "/reset_prefix_cache"]
    return [path for path, _ in groupby(kept)]


@pytest.mark.slow
def test_in_order_once_a_server_under_torchrun(tiny_path: Any, record: Path, tmp_path: Path) -> None:
    config = {"path": str(tiny_path("llama")), "python": str(write_python(tmp_path)), "device": "cpu"}
    config |= {"replicas": 2, "sleep": True}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ended = subprocess.run(
        [*command, "-m", "tests.builtin_models.team_member", json.dumps(config)],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    started = [row for row in read_record(record) if row["path"] == "start"]
    assert len(started) == 2, "the follower started no server"
    assert [row["environment"] for row in started] == [{}, {}], "nothing of torchrun's"
    update = leave_out_resets(UPDATE)
    for paths in tell_story(record).values():
        assert leave_out_resets(paths) == ["start", TEXT, *update, TEXT, *update, TEXT]


@pytest.mark.slow
def test_what_is_sampled_after_an_update_follows_the_new_weights(
    tiny_path: Any, record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The servers run the network here, so that weights which were discarded and not sent would show."""
    monkeypatch.setenv("SELFCHAL_PROTOCOL_SAMPLER", "network")
    options = {"path": str(tiny_path("llama")), "python": str(write_python(tmp_path)), "device": "cpu"}
    model = VllmModel(VllmConfig.model_validate({**options, "sleep": True}))
    steps: list[str] = []
    hook = register_optimizer_step_pre_hook(
        lambda optimizer, arguments, options: steps.append(read_record(record)[-1]["path"])
    )
    try:
        talks = prompts(model, tasks=2, group=1)  # type: ignore[arg-type] # any model
        before = check_exact(model, talks, 1e-4)
        team_member.train(model, team_member.GrpoConfig(
            steps=2, tasks_per_step=2, group_size=4, epochs=2, learning_rate=1e-2, validation_samples=0,
            checkpoint_every=99,
        ))  # fmt: skip
        assert check_exact(model, talks, 1e-4) != before
    finally:
        hook.remove()
        model.close()
    assert steps == ["/sleep?level=2"] * 4, "asleep at every step of the optimiser"


def test_the_first_process_alone_samples(tiny_path: Any) -> None:
    config = VllmConfig(path=str(tiny_path("llama")), device="cpu", servers=("http://127.0.0.1:9",))
    follower = VllmModel.make_follower(config)
    assert next(follower.network.parameters()).dtype == torch.float32
    with pytest.raises(Exception, match="the first one samples"):
        follower.reset_cache()
    follower.begin_update()
    follower.end_update()
    follower.on_weights_updated()
    follower.close()
