"""Rows of a batch attend in parts by their length: fewer columns are read, and the numbers stay the same."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from selfchal.builtin_models.generation import attention
from selfchal.builtin_models.generation.attention import RAGGED_SDPA, split_rows
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.core.model import Generation, Sampling
from tests.builtin_models.conftest import Make
from tests.builtin_models.talks import go_on, plain_logprobs, prompts

pytestmark = pytest.mark.torch

SAMPLING = Sampling(max_tokens=24, seed=5)
LORA = {"r": 4, "alpha": 8}
LENGTHS = st.lists(st.integers(1, 2000), min_size=1, max_size=60)


@given(LENGTHS)
def test_parts_cover_all_rows_and_all_columns_that_they_need(columns: list[int]) -> None:
    parts = split_rows(columns)
    assert [part.start for part in parts] == [0, *(part.end for part in parts[:-1])]
    assert parts[-1].end == len(columns)
    assert all(max(columns[part.start : part.end]) <= part.columns for part in parts)
    assert all(before.columns > after.columns for before, after in pairwise(parts))


@given(LENGTHS)
def test_each_part_saves_more_than_a_call_costs(columns: list[int]) -> None:
    parts = split_rows(columns)
    read = sum((part.end - part.start) * part.columns for part in parts)
    saved = len(columns) * max(columns) - read
    assert saved >= (len(parts) - 1) * attention.WORTH_A_CALL


def _converse(model: TransformersModel) -> list[list[Generation]]:
    """Two turns of conversations of 10 to 60 tokens; most rows of the second turn come from the cache."""
    talks, turns = prompts(model), []
    for _ in range(2):
        turns.append(model.generate(talks, SAMPLING))
        talks = go_on(model, talks, turns[-1])
    return turns


@pytest.mark.parametrize("lora", [None, LORA])
@pytest.mark.parametrize("kind", ["lfm2", "llama", "mistral", "gemma3", "qwen3"])
def test_parts_give_the_tokens_and_logprobs_of_the_whole_batch(
    make_model: Make, monkeypatch: pytest.MonkeyPatch, kind: str, lora: dict[str, int] | None
) -> None:
    model = make_model(kind, batch=7, lora=lora)
    assert model._loaded.decoder.network.config._attn_implementation == RAGGED_SDPA
    whole, parted = [], []
    for worth, turns in ((10**9, whole), (1, parted)):
        monkeypatch.setattr(attention, "WORTH_A_CALL", worth)
        model.on_weights_updated()
        turns += [generation for turn in _converse(model) for generation in turn]
    assert [generation.ids for generation in parted] == [generation.ids for generation in whole]
    for one, other in zip(parted, whole, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=5e-6)


def test_a_batch_with_one_long_row_is_read_in_parts(
    make_model: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that are read in a decode step: far fewer than rows times the longest row, and none of them twice."""
    model = make_model("llama")
    short = prompts(model, tasks=1, group=20)
    talks = [*short, short[0] * 10]
    cells: list[int] = []
    plain = attention.scaled_dot_product_attention

    def count(query: torch.Tensor, key: torch.Tensor, *rest: Any, **options: Any) -> torch.Tensor:
        cells.append(key.shape[0] * key.shape[2])
        assert query.shape[1] == key.shape[1] == model.network.config.num_key_value_heads
        return plain(query, key, *rest, **options)

    assert model.network.config.num_attention_heads > model.network.config.num_key_value_heads
    monkeypatch.setattr(attention, "scaled_dot_product_attention", count)
    said = model.generate(talks, Sampling(max_tokens=4, seed=5))
    layers, steps = model.network.config.num_hidden_layers, max(len(one.ids) for one in said)
    assert 0 < sum(cells) < layers * steps * len(talks) * len(talks[-1]) / 3
    for talk, generation in zip(talks, said, strict=True):
        expected = plain_logprobs(model, talk, generation.ids)
        assert torch.allclose(torch.tensor(generation.logprobs).double(), expected, atol=1e-4)
