"""Attention over a ragged batch: on a CPU rows of similar length attend together, and keys are not repeated.

Attention reads as many columns of the cache for each row as the longest row of the call holds. In a batch of
conversations most rows are far shorter than the longest, and on a CPU a decode step of a small network
waits for this memory. So the rows are split where the rows that follow need clearly fewer columns.
In a decode step the heads that share keys and values attend as so many positions of one head, for which
nothing has to be repeated. ``enable_gqa`` would do that too, but beside a mask a GPU then falls back to
a kernel that keeps all weights; where several tokens are fed at once transformers repeats the keys.
The function is registered with transformers as an attention implementation of its own. Outside of
``attending_in_parts`` it is transformers' ``sdpa``: a pass that trains is computed as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

RAGGED_SDPA = "ragged_sdpa"
WORTH_A_CALL = 1000  # cells of the cache (one column of one row) whose reading costs more than another call


@dataclass(frozen=True)
class RowPart:
    """Rows ``start`` to ``end`` (exclusive), none of which needs more than the first ``columns`` columns."""

    start: int
    end: int
    columns: int


_parts: ContextVar[Sequence[RowPart]] = ContextVar("parts of the batch that attends", default=())


def use_ragged_attention(network: PreTrainedModel) -> None:
    """Let this network attend in parts where its attention is transformers' ``sdpa``."""
    if network.config._attn_implementation == "sdpa":
        network.set_attn_implementation(RAGGED_SDPA)


def split_rows(columns: Sequence[int]) -> list[RowPart]:
    """Parts of a batch whose row ``r`` needs ``columns[r]`` columns. Rows sorted by length save most."""
    needed = list(accumulate(reversed(columns), max))[::-1]  # by a row or any that follows it
    parts, start = [], 0
    for row in range(1, len(needed)):
        if (len(needed) - row) * (needed[start] - needed[row]) >= WORTH_A_CALL:
            parts.append(RowPart(start, row, needed[start]))
            start = row
    return [*parts, RowPart(start, len(needed), needed[start])]


@contextmanager
def attending_in_parts(parts: Sequence[RowPart]) -> Iterator[None]:
    """Passes of this thread attend in these parts; they must cover all rows, in order."""
    token = _parts.set(parts)
    try:
        yield
    finally:
        _parts.reset(token)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **options: Any,
) -> tuple[Tensor, None]:
    """As ``sdpa_attention_forward``: query [rows, heads, time, width] to [rows, time, heads, width]."""
    parts = _parts.get()
    # A bias of its own for each pair of positions has other shapes than the mask, and few networks have one.
    biased = options.get("position_bias") is not None
    if attention_mask is None or biased or not parts:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    if query.shape[2] == 1 and key.shape[1] < query.shape[1]:
        return _attend_shared(parts, query, key, value, attention_mask, options.get("scaling")), None
    if len(parts) < 2:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    outputs = []
    for part in parts:
        rows, columns = slice(part.start, part.end), slice(part.columns)
        mask = attention_mask[rows, :, :, columns]
        output, _ = sdpa_attention_forward(
            module, query[rows], key[rows, :, columns], value[rows, :, columns], mask, **options
        )
        outputs.append(output)
    return torch.cat(outputs), None


def _attend_shared(
    parts: Sequence[RowPart], query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scale: float | None
) -> Tensor:
    """One token a row: query [rows, heads, 1, width], key and value [rows, fewer heads, columns, width]."""
    rows, heads, _, width = query.shape
    shared = query.reshape(rows, key.shape[1], -1, width)  # [rows, fewer heads, heads that share, width]
    outputs = [
        scaled_dot_product_attention(
            shared[part.start : part.end],
            key[part.start : part.end, :, : part.columns],
            value[part.start : part.end, :, : part.columns],
            attn_mask=mask[part.start : part.end, :, :, : part.columns],
            scale=scale,
        )
        for part in parts
    ]
    return torch.cat(outputs).reshape(rows, 1, heads, value.shape[-1])


AttentionInterface.register(RAGGED_SDPA, attend)
AttentionMaskInterface.register(RAGGED_SDPA, sdpa_mask)
