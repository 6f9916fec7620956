"""A copy of the weights that samples while the model itself is updated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from selfchal.builtin_models.config import TransformersConfig
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.core.ahead import SamplerAhead, SamplesAhead
from selfchal.core.model import Generation, Message, Model, Sampling
from selfchal.core.updating import updating
from tests.builtin_models.tiny import write_model

pytestmark = pytest.mark.torch

SAMPLING = Sampling(max_tokens=8, seed=4)


def open_model(path: Path, **options: Any) -> TransformersModel:
    return TransformersModel(
        TransformersConfig.model_validate({"path": str(path), "device": "cpu", **options})
    )


def say(model: Model) -> tuple[int, ...]:
    [said] = model.generate([model.render_prompt([Message("user", "Find 1")])], SAMPLING)
    return said.ids


def stream_turn(model: Model) -> Generation:
    stream = model.stream(SAMPLING)
    stream.join(0, model.render_prompt([Message("user", "Find 1")]))
    while not (said := stream.advance()):
        pass
    return said[0][1]


def change(model: TransformersModel, by: float = 2.0) -> None:
    draw = torch.Generator().manual_seed(round(100 * by))
    with torch.no_grad():
        for weight in model.network.parameters():
            if weight.requires_grad:
                weight.add_(by * torch.randn(weight.shape, generator=draw))
    model.on_weights_updated()


@pytest.mark.parametrize("lora", [None, {"r": 4}])
def test_it_says_what_the_weights_say_that_it_took(tmp_path: Path, lora: Any) -> None:
    model = open_model(write_model(tmp_path, "llama"), lora=lora)
    assert isinstance(model, SamplesAhead)
    change(model, 0.5)
    sampler: SamplerAhead = model.open_sampler()
    first = sampler.take_weights()
    before, turn = say(model), stream_turn(model)
    with updating(model):
        change(model)
        assert say(sampler) == before, "the weights of before the update"
        assert stream_turn(sampler).ids == turn.ids
    assert stream_turn(sampler).weights_version == first
    after = say(model)
    assert say(sampler) == before != after
    assert sampler.take_weights() == first + 1
    assert say(sampler) == after
    assert stream_turn(sampler).weights_version == first + 1
    assert sampler.context_length == model.context_length


def test_only_what_is_trained_is_copied(tmp_path: Path) -> None:
    model = open_model(write_model(tmp_path, "llama"), lora={"r": 4})
    sampler: Any = model.open_sampler()
    copies = dict(sampler._loaded.network.named_parameters())
    for name, weight in model.network.named_parameters():
        shared = copies[name].data_ptr() == weight.data_ptr()
        assert shared == (not weight.requires_grad), name
        assert not copies[name].requires_grad


def test_users_with_the_first_weights_wait_for_the_end_of_an_update(tmp_path: Path) -> None:
    """They are the network that is trained with its adapters off, which must not happen amid an update."""
    import threading

    model = open_model(write_model(tmp_path, "llama"), lora={"r": 4})
    start = model.starting_model()
    assert start is not None
    model.open_sampler().take_weights()
    said: list[tuple[int, ...]] = []
    asking = threading.Thread(target=lambda: said.append(say(start)))
    with updating(model):
        asking.start()
        asking.join(0.2)
        assert asking.is_alive()
        assert not said
    asking.join()
    assert said == [say(start)]
