"""The figures that docs/gpu.md gives for Llama-3.1-8B, and what each option does to them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfchal.memory.fitting import Plan
from selfchal.memory.plan import Machine, ModelPlan, TrainerPlan
from tests.memory.shapes import GB, LLAMA_8B

FULL = ModelPlan(LLAMA_8B, weight_bytes=2, context=8192, sampler="apart", checkpointing=True)
LORA = replace(FULL, context=6144, sampler="shared", adapter_rank=16)
SHARDED = TrainerPlan(pass_tokens=8192, reference=True, sharded=True)


@pytest.mark.parametrize(
    ("model", "trainer", "machine", "most"),
    [
        (FULL, SHARDED, Machine(4, 80 * GB), 49),
        (FULL, SHARDED, Machine(8, 80 * GB), 30),
        (LORA, TrainerPlan(pass_tokens=6144, reference=True), Machine(1, 24 * GB), 22),
    ],
)
def test_what_an_update_of_eight_billion_weights_needs(
    model: ModelPlan, trainer: TrainerPlan, machine: Machine, most: int
) -> None:
    plan = Plan(model, trainer, machine)
    assert 0.9 * most * GB < sum(plan.updating.values()) <= most * GB
    assert plan.fits


def test_the_first_process_holds_the_whole_weights_between_updates() -> None:
    kept = Plan(FULL, SHARDED, Machine(8, 80 * GB)).sampling
    assert kept["weights"] == 2 * LLAMA_8B.parameters
    assert sum(kept.values()) < 31 * GB


def test_sharding_splits_what_the_optimiser_holds_and_nothing_else() -> None:
    four = Plan(FULL, SHARDED, Machine(4, 80 * GB)).updating
    eight = Plan(FULL, SHARDED, Machine(8, 80 * GB)).updating
    for part in four:
        split = part in ("masters", "moments", "gradients", "reference")
        assert eight[part] == (four[part] // 2 if split else four[part])


@pytest.mark.parametrize("sampler", ["shared", "beside", "asleep", "apart"])
def test_only_an_engine_that_stays_awake_takes_memory_from_an_update(sampler: str) -> None:
    plan = Plan(replace(FULL, sampler=sampler), SHARDED, Machine(4, 80 * GB))  # type: ignore[arg-type] # parametrised
    assert (plan.updating["sampler"] > 0) == (sampler == "beside")
    assert ("KV cache" in plan.sampling) == (sampler in ("shared", "asleep"))


def test_an_engine_takes_the_share_that_it_is_given() -> None:
    asleep = replace(FULL, sampler="asleep", engine_share=0.5)
    assert Plan(asleep, SHARDED, Machine(4, 80 * GB)).sampling["sampler"] == 40 * GB


def test_adapters_and_quantisation_shrink_what_is_held() -> None:
    machine, trainer = Machine(1, 24 * GB), TrainerPlan(pass_tokens=6144, reference=True)
    plain = Plan(LORA, trainer, machine).updating
    four_bit = Plan(replace(LORA, quantised="4bit"), trainer, machine).updating
    assert plain["masters"] == 4 * 41_943_040  # rank 16 on the seven matrices of 32 layers
    assert plain["reference"] == 0
    assert 0.45 < four_bit["weights"] / plain["weights"] < 0.5


def test_offloading_leaves_the_optimiser_to_the_host_and_whole_logits_cost_gigabytes() -> None:
    machine = Machine(4, 80 * GB)
    offloaded = Plan(FULL, replace(SHARDED, offloaded=True), machine).updating
    assert [offloaded[part] for part in ("masters", "moments", "gradients")] == [0, 0, 0]
    whole = Plan(FULL, replace(SHARDED, chunked_logits=False), machine).updating
    assert whole["logits"] == 20 * 128_256 * 8192
    assert Plan(FULL, SHARDED, machine).updating["logits"] < GB
