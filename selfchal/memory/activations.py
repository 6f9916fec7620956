"""Bytes that autograd keeps of each token until the backward pass, for the families that ``shape`` knows.

Counted tensor by tensor of transformers' own code with fused attention, where the keys and values of grouped
heads are not repeated. tests/memory holds them against what autograd keeps on a CPU.
"""

from __future__ import annotations

from selfchal.memory.plan import ModelPlan
from selfchal.memory.shape import NetworkShape

_FLOAT = 4


def count_layer_bytes(model: ModelPlan, compute: int) -> int:
    """Of one token in one layer, all of it kept; ``compute`` is the bytes of a number in the pass."""
    if model.adapter_rank is None:
        return _count_full(model.shape, compute)
    return _count_adapted(model, compute)


def count_kept_bytes(model: ModelPlan, compute: int) -> int:
    """Of one token over the whole network, while the backward pass begins."""
    shape = model.shape
    if model.checkpointing:  # the input of each layer
        return shape.layers * compute * shape.width + _count_last_norm(model, compute)
    return shape.layers * count_layer_bytes(model, compute) + _count_last_norm(model, compute)


def _count_full(shape: NetworkShape, compute: int) -> int:
    # Each norm: its input as float32, the normalised states, its output (the input of the matrices after it).
    norms = 2 * (_FLOAT + 2 * compute) * shape.width + 2 * _FLOAT
    return norms + _count_attention(shape, compute) + 4 * compute * shape.inner


def _count_attention(shape: NetworkShape, compute: int) -> int:
    """Queries, keys, values and what comes out, with the normaliser of each head."""
    kept = 2 * compute * (shape.query_width + shape.kv_width) + _FLOAT * shape.heads
    if not shape.head_norms:
        return kept
    normed = shape.query_width + shape.kv_width
    return kept + (_FLOAT + compute) * normed + _FLOAT * (shape.heads + shape.kv_heads)


def _count_adapted(model: ModelPlan, compute: int) -> int:
    """Frozen matrices keep nothing; an adapter keeps its input as float32, and what its first half gives."""
    shape, rank = model.shape, model.adapter_rank or 0
    norms = 2 * _FLOAT * shape.width + 2 * _FLOAT
    gates = 3 * compute * shape.inner  # the gate, its activation, and what it multiplies
    inputs = [inputs for (inputs, _), on in zip(shape.linears, model.adapted, strict=True) if on]
    halves = _FLOAT * rank * len(inputs)
    if compute < _FLOAT:
        casts = _FLOAT * sum(inputs)  # each adapter makes a copy of its own
    else:  # the states themselves, once each; the output of attention is kept as it is
        query, _, _, _, gate, _, down = model.adapted
        casts = _FLOAT * (shape.width * (query + gate) + shape.inner * down)
    return norms + _count_attention(shape, compute) + gates + casts + halves


def _count_last_norm(model: ModelPlan, compute: int) -> int:
    if model.adapter_rank is None:
        return (_FLOAT + 2 * compute) * model.shape.width + _FLOAT
    return _FLOAT * model.shape.width + _FLOAT
