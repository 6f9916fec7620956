"""A network in parts: what is whole again afterwards, what is float32, what is refused. One process is a team too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor

from selfchal.builtin_models.config import TransformersConfig
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.builtin_trainers.sharding import WholeWeights, find_compute_type, shard, shard_frozen
from selfchal.core.errors import TrainingError
from selfchal.core.model import Message, Sampling
from tests.builtin_models.tiny import write_model
from tests.builtin_trainers.toy import tiny_llama

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def team_of_one(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_a_model_speaks_with_the_weights_that_were_filled_in(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "model", "llama", scale=2.0)
    model, other = (TransformersModel(TransformersConfig(path=str(directory))) for _ in range(2))
    prompt = [model.render_prompt([Message("user", "Find it")])]
    before = model.generate(prompt, Sampling(max_tokens=8))[0]
    replica = shard(model.network, torch.float32)
    whole = WholeWeights(model.network, replica, is_rank0=True)
    whole.release()
    assert sum(weight.numel() for weight in model.network.parameters()) == 0
    with torch.no_grad():
        for part, weight in zip(replica.parameters(), other.network.parameters(), strict=True):
            moved = torch.linspace(-1, 1, weight.numel()).reshape(weight.shape)
            weight.add_(moved)
            part.add_(torch.distributed.tensor.distribute_tensor(moved, part.device_mesh, part.placements))
    whole.fill()
    for changed in (model, other):
        changed.on_weights_updated()
    after, expected = (one.generate(prompt, Sampling(max_tokens=8))[0] for one in (model, other))
    assert after.ids == expected.ids != before.ids
    assert after.logprobs == pytest.approx(expected.logprobs, abs=1e-4)


def test_followers_hold_no_whole_weights_until_training_is_over() -> None:
    network = tiny_llama()
    shapes = [weight.shape for weight in network.parameters()]
    whole = WholeWeights(network, shard(network, torch.float32), is_rank0=False)
    whole.fill()
    assert all(weight.numel() == 0 for weight in network.parameters())
    whole.allocate()
    assert [weight.shape for weight in network.parameters()] == shapes


def test_trained_weights_become_float32_and_a_reference_stays_as_it_is() -> None:
    network = tiny_llama(tie_word_embeddings=True).to(torch.bfloat16)
    compute = find_compute_type(network, "auto")
    assert compute == torch.bfloat16
    assert find_compute_type(network, "float32") == torch.float32
    reference, replica = shard_frozen(network, compute), shard(network, compute)
    assert {weight.dtype for weight in replica.parameters()} == {torch.float32}
    assert {weight.dtype for weight in reference.parameters()} == {torch.bfloat16}
    assert {weight.dtype for weight in network.parameters()} == {torch.bfloat16}
    assert all(isinstance(weight, DTensor) for net in (reference, replica) for weight in net.parameters())
    assert all(weight.requires_grad for weight in replica.parameters())
    assert not any(weight.requires_grad for weight in reference.parameters())
    assert replica.lm_head.weight is replica.model.embed_tokens.weight
    ids = torch.tensor([[1, 2, 3]])
    assert replica(input_ids=ids).logits.dtype == torch.bfloat16


def test_adamw_in_one_kernel_steps_on_parts() -> None:
    """As a GPU makes the steps; the default of a CPU is a loop."""
    network = tiny_llama()
    replica = shard(network, torch.float32)
    stepped = torch.optim.AdamW(network.parameters(), lr=1e-2, foreach=False)
    fused = torch.optim.AdamW(replica.parameters(), lr=1e-2, fused=True)
    ids = torch.tensor([[1, 2, 3, 4]])
    for model, optimizer in ((network, stepped), (replica, fused)):
        model(input_ids=ids).logits.logsumexp(-1).sum().backward()
        optimizer.step()
    for part, weight in zip(replica.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(part.full_tensor(), weight, rtol=1e-5, atol=1e-6)


def test_quantised_weights_are_refused() -> None:
    network = tiny_llama()
    packed = torch.zeros(4, dtype=torch.uint8)
    network.lm_head.weight = torch.nn.Parameter(packed, requires_grad=False)
    with pytest.raises(TrainingError, match="cannot split quantised weights; take parallel: replicate"):
        shard(network, torch.float32)
