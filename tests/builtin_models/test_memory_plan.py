"""What a model's section means for memory: the configuration is found, and each option counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfchal.builtin_models.config import TransformersConfig, VllmConfig
from selfchal.builtin_models.memory_plan import find_config, plan_weights
from selfchal.builtin_models.vllm_model import VllmModel

NAME = "meta-llama/Llama-3.1-8B-Instruct"


def plan(**options: Any) -> Any:
    return plan_weights(TransformersConfig(path=NAME, **options), "shared")


def test_a_directory_goes_before_what_is_known_of_a_name(tmp_path: Path) -> None:
    assert find_config(NAME) is not None
    assert find_config("no-such-org/no-such-model") is None
    assert find_config("") is None
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2", "hidden_size": 64}))
    assert find_config(str(tmp_path)) == {"model_type": "qwen2", "hidden_size": 64}
    (tmp_path / "config.json").write_text("[1")
    assert find_config(str(tmp_path)) is None


def test_each_option_counts() -> None:
    assert plan().context == 131_072
    assert plan(context=4096).context == 4096
    assert (plan().weight_bytes, plan(dtype="float32").weight_bytes) == (2, 4)
    assert plan(lora={"r": 8}).trained == plan(lora={"r": 16}).trained // 2
    assert plan(lora={"targets": ["q_proj", "v_proj"]}).trained == 32 * 16 * (2 * 4096 + 4096 + 1024)
    assert plan(quantization="4bit", lora={}).held_bytes < plan(lora={}).held_bytes / 2
    assert plan(device="cpu") is None


@pytest.mark.parametrize(
    ("options", "sampler"),
    [
        ({}, "beside"),
        ({"sleep": True}, "asleep"),
        ({"servers": ["http://127.0.0.1:8000"]}, "apart"),
        ({"gpus": [4, 5]}, "apart"),
        ({"gpus": [0], "sleep": True}, "asleep"),
    ],
)
def test_where_vllm_samples(options: dict[str, Any], sampler: str) -> None:
    found = VllmModel.plan_memory(VllmConfig(path=NAME, **options))
    assert found is not None
    assert found.sampler == sampler


def test_a_server_without_weights_here_takes_no_memory_here() -> None:
    assert (
        VllmModel.plan_memory(VllmConfig(path=NAME, servers=("http://127.0.0.1:8000",), train=False)) is None
    )
    share = VllmModel.plan_memory(VllmConfig(path=NAME, engine={"gpu_memory_utilization": 0.5}))
    assert share is not None
    assert share.engine_share == 0.5
