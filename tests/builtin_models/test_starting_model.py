"""With LoRA the weights that a model began with speak on beside the trained ones, in the same memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from selfchal.builtin_models.config import TransformersConfig
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.core.model import Message, Model, Sampling, SharesStart
from tests.builtin_models.tiny import write_model

pytestmark = pytest.mark.torch

GREEDY = Sampling(0.0, max_tokens=8)


def say(model: Model) -> tuple[int, ...]:
    [said] = model.generate([model.render_prompt([Message("user", "Find 1")])], GREEDY)
    return said.ids


def open_model(path: Path, **options: object) -> TransformersModel:
    return TransformersModel(TransformersConfig.model_validate({"path": str(path), **options}))


def test_it_speaks_as_the_base_does_while_the_adapter_changes(tmp_path: Path) -> None:
    path = write_model(tmp_path, "llama")
    trained, base = open_model(path, lora={"r": 4}), open_model(path)
    assert isinstance(trained, SharesStart)
    start = trained.starting_model()
    assert start is not None
    with torch.no_grad():
        for name, weight in trained.network.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=2.0)
    trained.on_weights_updated()
    before = say(trained)
    assert say(start) == say(base) != before
    assert say(trained) == before, "the adapters are on again"
    assert all(
        weight.requires_grad == ("lora" in name) for name, weight in trained.network.named_parameters()
    )


def test_where_all_weights_are_trained_there_is_nothing_to_share(tmp_path: Path) -> None:
    assert open_model(write_model(tmp_path, "llama")).starting_model() is None
