"""Conversations take the memory that there is: fewer go on at a time, and what they say stays the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from selfchal.builtin_models.generation.budget import COPIES, MemoryBudget
from selfchal.builtin_models.generation.decoder import Decoder
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.core.errors import ModelError
from selfchal.core.model import Generation, Sampling
from tests.builtin_models.conftest import Make
from tests.builtin_models.talks import play, prompts

pytestmark = pytest.mark.torch

SAMPLING = Sampling(max_tokens=24, seed=5)


def find_decoder(model: TransformersModel) -> Decoder:
    decoder = model._loaded.decoder
    assert isinstance(decoder, Decoder)
    return decoder


@contextmanager
def watching(model: TransformersModel, most_rows: int = 10**9) -> Iterator[list[int]]:
    """The rows of each pass; one with more than ``most_rows`` finds no memory, as on a GPU."""
    seen: list[int] = []

    def look(_: Any, arguments: Any, options: dict[str, Any]) -> None:
        rows = int(options["input_ids"].shape[0])
        seen.append(rows)
        if rows > most_rows:
            raise torch.OutOfMemoryError("CUDA out of memory")

    handle = model.network.register_forward_pre_hook(look, with_kwargs=True)
    try:
        yield seen
    finally:
        handle.remove()


def assert_same(turns: list[list[Generation]], others: list[list[Generation]]) -> None:
    for turn, other in zip(turns, others, strict=True):
        assert [one.ids for one in turn] == [one.ids for one in other]
        for one, same in zip(turn, other, strict=True):
            assert one.logprobs == pytest.approx(same.logprobs, abs=5e-6)


@pytest.mark.parametrize("kind", ["llama", "lfm2", "gemma3"])
def test_where_memory_runs_out_half_as_many_go_on_and_say_the_same(make_model: Make, kind: str) -> None:
    model = make_model(kind)
    talks = prompts(model)
    undisturbed = play(model, talks, 2, SAMPLING)
    model.on_weights_updated()
    with watching(model, most_rows=4) as seen:
        assert_same(play(model, talks, 2, SAMPLING), undisturbed)
    assert max(seen) > 4  # it was tried
    assert find_decoder(model).most_rows <= 4
    assert sum(rows > 4 for rows in seen) <= 2  # and not again and again


def test_memory_that_runs_out_amid_a_turn_loses_nothing(make_model: Make) -> None:
    model = make_model()
    talks = prompts(model)
    undisturbed = play(model, talks, 1, SAMPLING)
    model.on_weights_updated()
    passes = 0

    def fail_once(*_: Any) -> None:
        nonlocal passes
        passes += 1
        if passes == 12:
            raise torch.OutOfMemoryError("CUDA out of memory")

    handle = model.network.register_forward_pre_hook(fail_once)
    assert_same(play(model, talks, 1, SAMPLING), undisturbed)
    handle.remove()
    assert find_decoder(model).most_rows < len(talks)


def test_too_little_for_one_conversation_is_an_error_with_the_cure(make_model: Make) -> None:
    model = make_model()
    with (
        watching(model, most_rows=0),
        pytest.raises(ModelError, match=r"one conversation: lower model\.context"),
    ):
        model.generate(prompts(model), SAMPLING)


def test_any_other_error_is_told_as_it_is(make_model: Make) -> None:
    model = make_model()

    def fail(*_: Any) -> None:
        raise RuntimeError("mat1 and mat2 have other shapes")

    handle = model.network.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="other shapes"):
        model.generate(prompts(model), SAMPLING)
    handle.remove()


@pytest.mark.parametrize("kind", ["llama", "lfm2"])
def test_no_more_go_on_together_than_the_budget_holds(
    make_model: Make, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    model = make_model(kind, prefix_cache_mb=0)
    talks = prompts(model)
    undisturbed = play(model, talks, 2, SAMPLING)
    token_bytes = find_decoder(model).budget.token_bytes
    assert token_bytes > 0
    longest = max(len(talk) for talk in talks) + SAMPLING.max_tokens
    monkeypatch.setattr(MemoryBudget, "measure", lambda *_: 5 * COPIES * longest * token_bytes)
    packed, repack = [], Decoder.repack
    monkeypatch.setattr(Decoder, "repack", lambda *given: packed.append(1) or repack(*given))
    with watching(model) as seen:
        [turn] = play(model, talks, 1, SAMPLING)
    assert_same([turn], undisturbed[:1])
    assert 5 <= max(seen) < 12  # as many as fit of the shorter ones
    assert len(packed) <= len(talks)  # and not at each step, though others wait


def test_a_conversation_that_is_too_long_for_the_budget_goes_on_alone(
    make_model: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(prefix_cache_mb=0)
    monkeypatch.setattr(MemoryBudget, "measure", lambda *_: 1)
    with watching(model) as seen:
        assert len(model.generate(prompts(model), SAMPLING)) == 12
    assert set(seen) == {1}


def test_caches_hold_the_conversations_of_a_batch_and_no_more_than_their_part(make_model: Make) -> None:
    model = make_model("llama", batch=3)
    budget, context = find_decoder(model).budget, model.context_length
    config = model.network.config
    heads, width, layers = config.num_key_value_heads, config.head_dim, config.num_hidden_layers
    assert budget.token_bytes == 2 * 4 * heads * width * layers  # float32 keys and values
    assert budget.bound_cache(3, context) == 3 * context * budget.token_bytes
    assert budget.bound_cache(10**9, context) == budget.measure() // 4


def test_an_update_gets_the_memory_of_kept_conversations(make_model: Make) -> None:
    model = make_model()
    talks = prompts(model)
    play(model, talks, 1, SAMPLING)
    cache = find_decoder(model)._prefix_cache
    assert cache._bytes > 0
    model.begin_update()
    assert cache._bytes == 0
    model.end_update()
    assert len(model.generate(talks, SAMPLING)) == len(talks)
