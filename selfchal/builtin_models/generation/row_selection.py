"""A new cache out of rows of other caches: rows join a batch, leave it, or go into the prefix cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers.cache_utils import LinearAttentionLayer

from selfchal.builtin_models.generation.attention import split_rows
from selfchal.builtin_models.generation.ragged_cache import AttentionRows, Layout, RaggedKVCache, conv_state


@dataclass(frozen=True)
class RowSelection:
    """Rows of a cache, each cut to its length; with ``kv_cache`` None, as many empty rows.

    ``frozen``: the rows have ended, so take the convolution states that were held for them.
    """

    kv_cache: RaggedKVCache | None
    rows: Sequence[int]
    lengths: Sequence[int]
    frozen: bool = False

    def source(self, layer: int) -> list[Tensor]:
        """The tensors that hold these rows in a layer: keys and values, or one state; none for empty rows."""
        if self.kv_cache is None or not any(self.lengths):
            return []
        held = self.kv_cache.layers[layer]
        if isinstance(held, AttentionRows):
            return held.buffers
        return [self.kv_cache.frozen[layer] if self.frozen else conv_state(held)]


def sort_by_length(selections: Sequence[RowSelection]) -> tuple[list[int], list[RowSelection]]:
    """The same rows, longer ones first, so that few columns are copied and read for the short ones.

    Gives the selections in their new order, and for each row its number among all rows as they came.
    """
    rows = [
        (length, number, index)
        for number, selection in enumerate(selections)
        for index, length in enumerate(selection.lengths)
    ]
    by_length = sorted(range(len(rows)), key=lambda row: -rows[row][0])
    order: list[int] = []
    made = []
    for part in split_rows([rows[row][0] for row in by_length]):
        by_selection: dict[int, list[int]] = {}
        for row in by_length[part.start : part.end]:
            by_selection.setdefault(rows[row][1], []).append(row)
        for number, members in by_selection.items():
            selection = selections[number]
            indices = [selection.rows[rows[row][2]] for row in members]
            made.append(replace(selection, rows=indices, lengths=[rows[row][0] for row in members]))
            order += members
    return order, made


def gather_rows(
    layout: Layout, selections: Sequence[RowSelection], columns: int, device: torch.device
) -> RaggedKVCache:
    """A new cache of the selected rows, in order; ``columns`` wide at least."""
    lengths = [length for selection in selections for length in selection.lengths]
    columns = max([columns, *lengths])
    made = RaggedKVCache.fresh(layout, len(lengths), columns, device)
    made.lengths = torch.tensor(lengths, dtype=torch.int64, device=device)
    if not any(lengths):
        return made
    indices = [torch.tensor(selection.rows, dtype=torch.int64, device=device) for selection in selections]
    for number, layer in enumerate(made.layers):
        if isinstance(layer, AttentionRows):
            layer.buffers = _gather_attention(selections, indices, number, columns)
        else:
            made.layers[number] = _gather_convolution(selections, indices, number)
    return made


def _gather_attention(
    selections: Sequence[RowSelection], indices: Sequence[Tensor], number: int, columns: int
) -> list[Tensor]:
    sources = [selection.source(number) for selection in selections]
    total = sum(len(selection.rows) for selection in selections)
    made = [
        pattern.new_empty((total, pattern.shape[1], columns, pattern.shape[3]))
        for pattern in next(filter(None, sources))
    ]
    start = 0
    for selection, source, rows in zip(selections, sources, indices, strict=True):
        end = start + len(selection.rows)
        longest = max(selection.lengths) if source else 0
        for held, target in zip(source, made, strict=False):
            torch.index_select(held[:, :, :longest], 0, rows, out=target[start:end, :, :longest])
        for target in made:
            target[start:end, :, longest:] = 0  # not left empty: a masked column weighs 0, and 0 * NaN is NaN
        start = end
    return made


def _gather_convolution(
    selections: Sequence[RowSelection], indices: Sequence[Tensor], number: int
) -> LinearAttentionLayer:
    sources = [selection.source(number) for selection in selections]
    [pattern] = next(filter(None, sources))  # [rows, channels, K]
    states = [
        source[0].index_select(0, rows) if source else pattern.new_zeros((len(rows), *pattern.shape[1:]))
        for source, rows in zip(sources, indices, strict=True)
    ]
    return conv_rows(torch.cat(states))


def conv_rows(state: Tensor) -> LinearAttentionLayer:
    """A layer that has seen the last ``K`` inputs of each row: [rows, channels, K]."""
    layer = LinearAttentionLayer()
    layer.conv_states[0], layer.conv_kernel_size[0] = state, state.shape[-1]
    layer.is_conv_states_initialized[0] = layer.has_previous_state[0] = True
    return layer
