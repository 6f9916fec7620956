"""What does not fit is told with the fewest changes of the manifest that do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfchal.memory.fitting import Plan, find_nearest
from selfchal.memory.plan import Machine, ModelPlan, TrainerPlan
from tests.memory.shapes import GB, LLAMA_8B, find_shape

FULL = ModelPlan(LLAMA_8B, weight_bytes=2, context=8192, sampler="shared")
PASSES = TrainerPlan(pass_tokens=16384, reference=True)
LORA = replace(FULL, adapter_rank=16)


@pytest.mark.parametrize(
    ("model", "trainer", "machine", "words"),
    [
        (LORA, PASSES, Machine(1, 40 * GB), "model.gradient_checkpointing: true"),
        (
            replace(FULL, checkpointing=True),
            PASSES,
            Machine(1, 80 * GB),
            "trainer.parallel: shard with 4 GPUs",
        ),
        (
            replace(FULL, checkpointing=True),
            PASSES,
            Machine(4, 80 * GB),
            "trainer.parallel: shard with 4 GPUs",
        ),
        (
            replace(LORA, checkpointing=True),
            replace(PASSES, pass_tokens=8192),
            Machine(1, 16 * GB),
            "model.quantization: 4bit",
        ),
        (
            replace(LORA, checkpointing=True, sampler="beside", engine_share=0.5),
            replace(PASSES, pass_tokens=8192),
            Machine(1, 40 * GB),
            "model.sleep: true",
        ),
        (
            replace(LORA, checkpointing=True, context=131_072),
            replace(PASSES, pass_tokens=131_072),
            Machine(1, 48 * GB),
            "model.context: 32768, trainer.micro_batch_tokens: 32768",
        ),
    ],
)
def test_the_smallest_change_that_fits_is_named(
    model: ModelPlan, trainer: TrainerPlan, machine: Machine, words: str
) -> None:
    plan = Plan(model, trainer, machine)
    assert not plan.fits
    change = find_nearest(plan)
    assert change is not None
    assert change.words == words
    assert change.plan.fits


def test_a_critic_of_its_own_is_whole_on_every_gpu() -> None:
    model, trainer = replace(FULL, checkpointing=True), replace(PASSES, sharded=True, critic=True)
    plan = Plan(model, trainer, Machine(8, 80 * GB))
    assert plan.updating["critic"] == 16 * LLAMA_8B.parameters
    change = find_nearest(plan)
    assert change is not None
    assert change.words == "trainer.critic: head"


def test_changes_are_put_together_where_one_is_not_enough() -> None:
    change = find_nearest(Plan(FULL, PASSES, Machine(1, 24 * GB)))
    assert change is not None
    assert change.words == (
        "model.gradient_checkpointing: true, trainer.micro_batch_tokens: 8192, model.lora: {r: 16}"
    )


def test_nothing_is_named_where_nothing_helps() -> None:
    assert find_nearest(Plan(LORA, PASSES, Machine(1, 2 * GB))) is None


def test_a_run_without_a_trainer_needs_its_weights_and_a_conversation() -> None:
    plan = Plan(ModelPlan(find_shape("Qwen/Qwen2.5-0.5B"), 2, 8192, "shared"), None, Machine(1, 24 * GB))
    assert plan.updating == {}
    assert plan.fits
    assert plan.sampling["weights"] == 2 * plan.model.shape.parameters
