"""Packed rows: nothing is padded, no episode sees another, and every trainer learns what it learns padded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BloomConfig, BloomForCausalLM

from selfchal.builtin_trainers import packing
from selfchal.builtin_trainers.batch import batch_units, micro_batches, useful_length
from selfchal.builtin_trainers.forward import score
from selfchal.builtin_trainers.packing import check_packing, packed_attention
from selfchal.core.episode import Episode
from selfchal.core.errors import TrainingError
from tests.builtin_trainers.episodes import multi_turn
from tests.builtin_trainers.test_parallel import CASES, EXACT, run
from tests.builtin_trainers.toy import tiny_llama

pytestmark = pytest.mark.torch


@dataclass
class Options:
    packing: bool = True
    precision: Any = "auto"


def make_episode(mask: list[int]) -> Episode:
    return Episode("t", 0, ids=list(range(len(mask))), mask=mask, logprobs=[-0.5 * own for own in mask])


MASKS = st.lists(st.sampled_from([0, 1]), min_size=1, max_size=12).map(lambda own: [0, *own, 1])


@given(st.lists(MASKS, min_size=1, max_size=12), st.integers(1, 60), st.sampled_from([1, 2]))
def test_each_episode_is_in_one_row_whole_and_nothing_else_is(
    masks: list[list[int]], most: int, each: int
) -> None:
    episodes = [make_episode(mask) for mask in masks][: len(masks) // each * each]
    units = [episodes[i : i + each] for i in range(0, len(episodes), each)]
    batches = batch_units(units, most, packed=True)
    rows = [row for batch in batches for row in batch.rows.tolist()]
    assert sorted(rows) == list(range(len(episodes)))
    for batch in batches:
        assert batch.positions is not None
        own = [episodes[row] for row in batch.rows.tolist()]
        assert batch.ids[0].tolist() == [i for e in own for i in e.ids[: useful_length(e)]]
        assert batch.positions[0].tolist() == [i for e in own for i in range(useful_length(e))]
        assert batch.lengths.tolist() == [sum(e.mask) for e in own]
        assert batch.row_of_token.tolist() == [
            r for r in batch.rows.tolist() for _ in range(sum(episodes[r].mask))
        ]
        assert batch.targets.tolist() == [
            i for e in own for i, mine in zip(e.ids, e.mask, strict=True) if mine
        ]
        assert int(batch.predicts.sum()) == len(batch.targets)
        starts = batch.rows.tolist()[::each]
        assert batch.rows.tolist() == [first + i for first in starts for i in range(each)]
        assert batch.ids.shape[1] <= most or len(starts) == 1


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_scores_are_those_of_each_episode_alone(attention: str) -> None:
    network, episodes = tiny_llama(), multi_turn()
    network.set_attn_implementation(attention)
    check_packing(network, Options())
    (packed,) = micro_batches(episodes, 10_000, packed=True)
    found = score(network, packed)
    for row, episode in enumerate(episodes):
        alone = score(network, micro_batches([episode], 10_000)[0])
        mine = packed.row_of_token == row
        torch.testing.assert_close(found.logprobs[mine], alone.logprobs, rtol=0, atol=1e-5)
        torch.testing.assert_close(found.entropies[mine], alone.entropies, rtol=0, atol=1e-5)


def test_a_model_that_looks_at_no_positions_is_refused() -> None:
    torch.manual_seed(0)
    network = BloomForCausalLM(
        BloomConfig(vocab_size=12, hidden_size=32, n_layer=2, n_head=2, initializer_range=0.2)
    )
    with pytest.raises(TrainingError, match="BloomForCausalLM"):
        check_packing(network, Options())
    check_packing(network, Options(packing=False))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in EXACT
        if name in ("grpo", "ppo", "rft", "dpo", "kto", "grpo recomputing", "grpo with LoRA")
    ],
)
def test_a_training_makes_the_updates_that_it_makes_padded(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    padded = run(case, tmp_path / "padded", parallel="replicate")
    case.more["packing"] = True
    try:
        packed = run(case, tmp_path / "packed", parallel="replicate")
    finally:
        del case.more["packing"]
    for one, other in zip(padded["logged"], packed["logged"], strict=True):
        assert one[1]["loss"] == pytest.approx(other[1]["loss"], abs=1e-5)
        assert one[1]["grad_norm"] == pytest.approx(other[1]["grad_norm"], rel=1e-3)


@pytest.mark.parametrize(
    ("device", "dtype", "installed", "chosen"),
    [
        ("cuda", torch.bfloat16, True, ["flash_attention_2", "sdpa"]),
        ("cuda", torch.bfloat16, False, []),
        ("cuda", torch.float32, True, []),
        ("cpu", torch.bfloat16, True, []),
    ],
)
def test_flash_attention_is_taken_where_it_can_be_had_and_given_back(
    device: str, dtype: torch.dtype, installed: bool, chosen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, taken = tiny_llama().to(dtype), list[str]()
    monkeypatch.setattr(packing, "find_device", lambda _: torch.device(device))
    monkeypatch.setattr(packing, "is_flash_attn_2_available", lambda: installed)
    monkeypatch.setattr(network, "set_attn_implementation", taken.append)
    with packed_attention(network, Options(packing=False)):
        pass
    assert taken == []
    with packed_attention(network, Options()):
        assert taken == chosen[:1]
    assert taken == chosen
