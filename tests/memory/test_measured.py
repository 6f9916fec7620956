"""The arithmetic against what torch and transformers hold, on a CPU, for networks of 30 million weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.torch

import torch  # noqa: E402 — after the check that it is there
import torch.distributed as dist  # noqa: E402
import transformers  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from selfchal.builtin_trainers.sharding import shard, shard_frozen  # noqa: E402
from selfchal.memory.activations import count_kept_bytes  # noqa: E402
from selfchal.memory.known_networks import _ROWS, find_known_config  # noqa: E402
from selfchal.memory.plan import Machine, ModelPlan, TrainerPlan  # noqa: E402
from selfchal.memory.shape import read_shape  # noqa: E402
from selfchal.memory.updating import count_update_parts  # noqa: E402

SIZES = {
    "hidden_size": 512,
    "intermediate_size": 1408,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "vocab_size": 8000,
}
FAMILIES = {
    "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
    "qwen3": (transformers.Qwen3Config, transformers.Qwen3ForCausalLM),
}
ROWS, TIME = 2, 256


def build_network(family: str) -> nn.Module:
    config, network = FAMILIES[family]
    torch.manual_seed(0)
    made: nn.Module = network(config(**SIZES, attn_implementation="sdpa"))
    return made.train()


def plan_for(network: Any, weight_bytes: int, **options: Any) -> ModelPlan:
    shape = read_shape(network.config.to_dict())
    assert shape is not None
    assert shape.parameters == sum(p.numel() for p in network.parameters()) > 30_000_000
    return ModelPlan(shape, weight_bytes, TIME, "apart", **options)


def measure_kept(network: nn.Module) -> int:
    """Bytes that autograd keeps after a forward pass, weights left out."""
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    ids = torch.randint(0, SIZES["vocab_size"], (ROWS, TIME))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = network(input_ids=ids, use_cache=False, logits_to_keep=1).logits
    del logits
    return sum(t.untyped_storage().nbytes() for pointer, t in kept.items() if pointer not in weights)


@pytest.mark.parametrize(
    ("family", "dtype", "checkpointing"),
    [
        ("llama", torch.bfloat16, False),
        ("llama", torch.float32, False),
        ("llama", torch.bfloat16, True),
        ("qwen2", torch.bfloat16, False),
        ("qwen3", torch.bfloat16, False),
        ("qwen3", torch.float32, False),
    ],
)
def test_activations_are_what_autograd_keeps(family: str, dtype: torch.dtype, checkpointing: bool) -> None:
    network: Any = build_network(family)
    plan = plan_for(network, dtype.itemsize, checkpointing=checkpointing)
    network.to(dtype)
    if checkpointing:
        network.gradient_checkpointing_enable({"use_reentrant": False})
    expected = ROWS * TIME * count_kept_bytes(plan, dtype.itemsize)
    assert measure_kept(network) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("targets", ["all-linear", ["q_proj", "v_proj"]])
def test_activations_under_adapters(dtype: torch.dtype, targets: str | list[str]) -> None:
    peft = pytest.importorskip("peft")
    network: Any = build_network("llama")
    linears = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    adapted = tuple(targets == "all-linear" or name in targets for name in linears)
    plan = plan_for(network, dtype.itemsize, adapter_rank=16, adapted=adapted)
    network.to(dtype)
    settings = peft.LoraConfig(r=16, lora_alpha=32, target_modules=targets, task_type="CAUSAL_LM")
    network = peft.get_peft_model(network, settings)
    assert plan.adapter_parameters == sum(p.numel() for p in network.parameters() if p.requires_grad)
    expected = ROWS * TIME * count_kept_bytes(plan, dtype.itemsize)
    assert measure_kept(network) == pytest.approx(expected, rel=0.02)


@pytest.fixture
def team_of_one(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'meeting'}", rank=0, world_size=1)
    try:
        yield
    finally:
        dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.usefixtures("team_of_one")
def test_what_the_sharded_network_and_its_optimiser_hold_is_exact() -> None:
    """In a team of one, whose part is the whole: float32 masters of weights that were loaded in bfloat16."""
    whole: Any = build_network("llama").to(torch.bfloat16)
    plan = plan_for(whole, 2)
    network: Any = shard(whole, torch.bfloat16)
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    ids = torch.randint(0, SIZES["vocab_size"], (ROWS, TIME))
    network(input_ids=ids, use_cache=False).logits.float().mean().backward()
    gradients = _count_bytes(weight.grad for weight in network.parameters())
    optimizer.step()
    moments = [state[name] for state in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")]
    for module in (network, *network.model.layers):
        module.reshard()
    parts = count_update_parts(plan, TrainerPlan(ROWS * TIME, sharded=True), Machine(1, 2**40))
    assert gradients == parts["gradients"]
    assert _count_bytes(moments) == parts["moments"]
    assert _count_bytes(network.parameters()) == parts["masters"]
    frozen = shard_frozen(whole, torch.bfloat16)
    referring = TrainerPlan(ROWS * TIME, sharded=True, reference=True)
    assert (
        _count_bytes(frozen.parameters())
        == count_update_parts(plan, referring, Machine(1, 2**40))["reference"]
    )


def _count_bytes(tensors: Any) -> int:
    return sum(tensor.to_local().numel() * tensor.to_local().element_size() for tensor in tensors)


@pytest.mark.parametrize("name", sorted(_ROWS))
def test_known_networks_have_the_parameters_that_transformers_gives_them(name: str) -> None:
    row = find_known_config(name)
    assert row is not None
    shape = read_shape(row)
    assert shape is not None
    settings = {key: value for key, value in row.items() if key != "model_type"}
    config, network = FAMILIES[row["model_type"]]
    with torch.device("meta"):
        built = network(config(**settings))
    assert shape.parameters == sum(p.numel() for p in built.parameters())


def test_families_that_are_not_counted_are_not_guessed() -> None:
    assert read_shape({"model_type": "mamba", "hidden_size": 8}) is None
    assert read_shape({"model_type": "llama", "hidden_size": "wide"}) is None
    assert find_known_config("somebody/else") is None
