"""The bytes of one GPU while weights are updated, by part.

The trained network computes in bfloat16 (or float32) and keeps float32 masters, AdamW's two moments and
float32 gradients; with ``sharded`` each process holds its part of all of them, and gathers layer by layer.
Logits are made in chunks that are computed again in the backward pass.
"""

from __future__ import annotations

from selfchal.memory.activations import count_kept_bytes, count_layer_bytes
from selfchal.memory.plan import Machine, ModelPlan, TrainerPlan

MASTER_BYTES = MOMENT_BYTES = GRADIENT_BYTES = 4
CRITIC_BYTES = MASTER_BYTES + 2 * MOMENT_BYTES + GRADIENT_BYTES  # of a weight of a second network
CHUNK_LOGITS = 2**25  # made at a time: 134 MB in float32, those of 261 tokens at 128,256 ids
CHUNK_BYTES = 16 * CHUNK_LOGITS  # with all that is made of them
LOGIT_BYTES = 20  # of one token and one word at the peak: logits, float32 copy, softmax, two gradients
DRIVER_BYTES = 500_000_000  # CUDA's context, its libraries, communication buffers

Parts = dict[str, int]


def count_update_parts(model: ModelPlan, trainer: TrainerPlan, machine: Machine) -> Parts:
    """By part: weights, masters, moments, gradients, reference, critic, activations, logits, temporaries,
    sampler, driver. Parts that this training does not have are 0."""
    on_gpu = 0 if trainer.offloaded else 1
    split = find_split(trainer, machine)
    trained, whole = model.trained, model.shape.parameters
    refers = trainer.reference and model.adapter_rank is None  # else the adapter is switched off
    compute = find_compute_bytes(model, trainer)
    tokens = max(trainer.pass_tokens, trainer.together * model.context)
    return {
        "weights": _count_weights(model, split, compute),
        "masters": on_gpu * MASTER_BYTES * trained // split,
        "moments": on_gpu * 2 * MOMENT_BYTES * trained // split,
        "gradients": on_gpu * GRADIENT_BYTES * trained // split,
        "reference": on_gpu * model.weight_bytes * whole // split if refers else 0,
        "critic": CRITIC_BYTES * whole if trainer.critic else 0,  # whole in every process
        "activations": tokens * _count_token_bytes(model, compute),
        "logits": _count_logit_bytes(model, trainer, tokens),
        "temporaries": _count_temporary_bytes(model, compute, tokens, split),
        "sampler": _count_awake_bytes(model, machine),
        "driver": DRIVER_BYTES,
    }


def find_split(trainer: TrainerPlan, machine: Machine) -> int:
    """Over how many processes weights and optimiser are divided."""
    return machine.processes if trainer.sharded else 1


def find_compute_bytes(model: ModelPlan, trainer: TrainerPlan) -> int:
    """Of a number in a pass. Whole weights are passed through as they are, or in less."""
    if trainer.compute_bytes is None:
        return model.weight_bytes
    return trainer.compute_bytes if trainer.sharded else min(trainer.compute_bytes, model.weight_bytes)


def _count_weights(model: ModelPlan, split: int, compute: int) -> int:
    """What is held beside the masters: the frozen base of adapters, or a whole copy in the precision of the
    passes. Where weights are divided the copy that samples is away during updates."""
    if model.adapter_rank is not None:
        return model.held_bytes // split
    return 0 if split > 1 or compute == MASTER_BYTES else compute * model.shape.parameters


def _count_token_bytes(model: ModelPlan, compute: int) -> int:
    """With checkpointing one layer at a time is kept whole, on top of the layers' inputs."""
    kept = count_kept_bytes(model, compute)
    return kept + count_layer_bytes(model, compute) if model.checkpointing else kept


def _count_logit_bytes(model: ModelPlan, trainer: TrainerPlan, tokens: int) -> int:
    every = LOGIT_BYTES * model.shape.vocabulary * tokens
    return min(every, CHUNK_BYTES) if trainer.chunked_logits else every


def _count_temporary_bytes(model: ModelPlan, compute: int, tokens: int, split: int) -> int:
    """What the backward pass has at its peak, amid the layers, beside activations and logits.

    Gradients of a layer's activations; where weights are split also two gathered layers, embeddings and
    output layer, and the gradients of one layer and of the output layer before they are split and summed.
    """
    shape = model.shape
    flowing = tokens * compute * (2 * shape.inner + 2 * shape.width)
    layer, ends = shape.layer_parameters, shape.end_parameters
    if split == 1:
        return flowing
    if model.adapter_rank is not None:
        return flowing + model.weight_bytes * (2 * layer + ends)
    gradients = compute * (layer + shape.embedding_parameters) + GRADIENT_BYTES * layer
    return flowing + compute * (2 * layer + ends) + gradients


def _count_awake_bytes(model: ModelPlan, machine: Machine) -> int:
    """An engine on the same GPU that does not sleep keeps what it took."""
    if model.sampler != "beside":
        return 0
    if model.engine_share is not None:
        return round(model.engine_share * machine.gpu_bytes)
    return model.held_bytes + count_cache_bytes(model)


def count_cache_bytes(model: ModelPlan) -> int:
    """The keys and values of one conversation at its longest, twice, as it is copied to grow. An engine takes
    whatever more is free, and samples more conversations at a time with it."""
    return 2 * 2 * model.shape.kv_values * model.context
