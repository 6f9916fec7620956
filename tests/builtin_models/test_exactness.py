"""Generation is exact: whatever is batched, padded, shared or kept, the numbers are those of a plain pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from selfchal.builtin_models.generation.decoder import Decoder
from selfchal.builtin_models.generation.grouped import GroupedDecoder
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.core.model import Generation, Sampling
from tests.builtin_models.conftest import Make
from tests.builtin_models.talks import go_on, plain_logprobs, play, prompts

pytestmark = pytest.mark.torch

SHARING = ["lfm2", "llama", "mistral", "gemma3"]
KINDS = [*SHARING, "qwen3_next", "mamba"]
SAMPLING = Sampling(max_tokens=24, seed=5)


def assert_as_a_plain_pass(model: TransformersModel, talks: Sequence[Sequence[int]]) -> list[Generation]:
    said = model.generate(talks, SAMPLING)
    for talk, generation in zip(talks, said, strict=True):
        expected = plain_logprobs(model, talk, generation.ids)
        assert torch.allclose(torch.tensor(generation.logprobs).double(), expected, atol=1e-4)
    return said


def change_weights(model: TransformersModel) -> None:
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.mul_(1.01)
    model.on_weights_updated()


@pytest.mark.parametrize("kind", KINDS)
def test_logprobs_are_those_of_a_full_forward_pass_over_all_turns(make_model: Make, kind: str) -> None:
    model = make_model(kind, batch=7)  # smaller than the number of rows: rows join and leave
    talks = prompts(model)
    for _ in range(3):
        said = assert_as_a_plain_pass(model, talks)
        talks = go_on(model, talks, said)


@pytest.mark.parametrize("kind", SHARING)
def test_trained_weights_are_followed(make_model: Make, kind: str) -> None:
    model = make_model(kind, batch=7)
    talks = prompts(model)
    assert_as_a_plain_pass(model, talks)
    change_weights(model)
    assert_as_a_plain_pass(model, talks)


@pytest.mark.parametrize("kind", SHARING)
def test_stock_decoders_take_the_fast_way(make_model: Make, kind: str) -> None:
    assert isinstance(make_model(kind)._loaded.decoder, Decoder)


def test_a_recurrent_state_takes_the_grouped_way(make_model: Make) -> None:
    assert isinstance(make_model("qwen3_next")._loaded.decoder, GroupedDecoder)


@pytest.mark.parametrize("kind", SHARING)
def test_greedy_equals_transformers_generate(make_model: Make, kind: str) -> None:
    model = make_model(kind)
    talks = prompts(model, group=1)
    said = model.generate(talks, Sampling(temperature=0, max_tokens=20))
    for talk, generation in zip(talks, said, strict=True):
        theirs = model.network.generate(
            input_ids=torch.tensor([talk]), do_sample=False, max_new_tokens=20,
            eos_token_id=sorted(model._loaded.renderer.ends), pad_token_id=0,
        )  # fmt: skip
        assert list(generation.ids) == theirs[0, len(talk) :].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_does_not_depend_on_its_company(make_model: Make, kind: str) -> None:
    model = make_model(kind)
    talks = prompts(model, group=1)
    together = model.generate(talks, SAMPLING)
    for talk, expected in zip(talks, together, strict=True):
        model.on_weights_updated()
        _same(model.generate([talk], SAMPLING), [expected])


@pytest.mark.parametrize("kind", SHARING)
def test_kept_caches_change_nothing(make_model: Make, kind: str) -> None:
    keeping, forgetting = make_model(kind), make_model(kind, prefix_cache_mb=0)
    talks = prompts(keeping)
    with_cache, without = (play(model, talks, 3, SAMPLING) for model in (keeping, forgetting))
    for kept, fresh in zip(with_cache, without, strict=True):
        _same(kept, fresh)


def test_the_kept_cache_is_used(make_model: Make) -> None:
    """The second turn feeds what is new and nothing else."""
    model = make_model()
    talks = prompts(model)
    said = model.generate(talks, SAMPLING)
    longer = go_on(model, talks, said)
    fed = _count_fed(model)
    model.generate(longer, replace(SAMPLING, max_tokens=1))
    fresh = [len(new) - len(old) - len(g.ids) for new, old, g in zip(longer, talks, said, strict=True)]
    # Of each row: the last sampled token (sampled, not yet fed) and the turn, padded to the longest.
    assert sum(fed) <= len(talks) * (max(fresh) + 2)


def test_a_group_shares_one_prefill(make_model: Make) -> None:
    model = make_model()
    [prompt] = prompts(model, tasks=1, group=1)
    fed = _count_fed(model)
    model.generate([prompt] * 8, replace(SAMPLING, max_tokens=1))
    assert sum(fed) == len(prompt) - 1 + 8


def test_weights_changed_forgets(make_model: Make) -> None:
    model = make_model()
    talks = prompts(model)
    said = model.generate(talks, SAMPLING)
    longer = go_on(model, talks, said)
    change_weights(model)
    assert_as_a_plain_pass(model, longer)


def test_same_call_same_result_and_another_seed_another(make_model: Make) -> None:
    model = make_model()
    talks = prompts(model)
    first = model.generate(talks, SAMPLING)
    model.on_weights_updated()
    assert model.generate(talks, SAMPLING) == first
    assert model.generate(talks, replace(SAMPLING, seed=6)) != first


def test_the_samples_of_a_group_differ(make_model: Make) -> None:
    model = make_model()
    [prompt] = prompts(model, tasks=1, group=1)
    assert len({generation.ids for generation in model.generate([prompt] * 8, SAMPLING)}) == 8


def test_training_mode_is_left_as_it_was(make_model: Make) -> None:
    model = make_model()
    model.network.train()
    model.generate(prompts(model, tasks=1), SAMPLING)
    assert model.network.training


def _same(left: list[Generation], right: list[Generation]) -> None:
    assert [generation.ids for generation in left] == [generation.ids for generation in right]
    for one, other in zip(left, right, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


def _count_fed(model: object) -> list[int]:
    """The sizes of all passes through the network from now on."""
    fed: list[int] = []
    network = model.network  # type: ignore[attr-defined] # any transformers model
    network.get_input_embeddings().register_forward_hook(lambda _m, args, _o: fed.append(args[0].numel()))
    return fed
