"""A slab: the key/value (and convolution) cache of many conversations of different lengths at once.

Rows are left-aligned and ragged: row ``r`` holds ``lengths[r]`` tokens, its next token is written at
that column, whatever the other rows do. So no padding ever stands inside a conversation: what pads a
batch lies to the right of a row's tokens, is never attended to and is overwritten by what comes next.
Short convolutions keep their last ``K`` inputs a row, cut out at the row's own end.

The tensors are handed to the transformers model through its own cache classes, one a layer.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer, LinearAttentionLayer

Tensor = Any
GROWTH = 32  # columns: a slab grows by at least this many, so that growing stays rare


def cache_name(network: Any) -> str:
    """What this network calls its cache; transformers renamed it in 5.24."""
    known = inspect.signature(network.forward).parameters
    return next(name for name in ("cache", "cache_params", "past_key_values") if name in known)


class AttentionRows(DynamicLayer):  # type: ignore[misc] # transformers ships no types
    """Keys and values [rows, columns, heads, width], written where the slab's plan says."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.buffers: list[Tensor] = []

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Store [rows, heads, time, width]; give back views of all columns in use."""
        fresh = (key_states, value_states)
        if not self.buffers:
            self.buffers = [_make_empty(states, self.plan.columns) for states in fresh]
        for buffer, states in zip(self.buffers, fresh, strict=True):
            rows, heads, time, width = states.shape
            flat = buffer.view(-1, heads, width)
            flat.index_copy_(0, self.plan.slots, states.transpose(1, 2).reshape(rows * time, heads, width))
        used = self.plan.used
        keys, values = (buffer[:, :used].transpose(1, 2) for buffer in self.buffers)
        return keys, values

    def get_seq_length(self) -> int:
        return self.plan.used


def _make_empty(states: Tensor, columns: int) -> Tensor:
    # Zeros, not empty memory: a masked column weighs 0, and 0 times NaN is NaN.
    rows, heads, _, width = states.shape
    return states.new_zeros((rows, columns, heads, width))


@dataclass
class Plan:
    """Where the present forward pass writes: flat slots, columns in use, columns there are."""

    columns: int
    used: int = 0
    slots: Tensor = None


@dataclass(frozen=True)
class Layout:
    """What the layers of a network keep, in order: ``attention``, ``sliding`` or ``conv``."""

    kinds: tuple[str, ...]
    cache: str  # the name of the network's own argument for its cache
    window: int | None = None
    # A model with one kind of attention takes one mask, one with several takes a mask a kind.
    mask_names: tuple[str, ...] = ()


@dataclass
class RaggedKVCache:
    """``lengths[r]`` tokens of row ``r`` are cached; ``frozen`` holds convolution states of ended rows."""

    layout: Layout
    lengths: Tensor  # [rows], int64
    plan: Plan
    layers: list[Any] = field(default_factory=list)
    frozen: dict[int, Tensor] = field(default_factory=dict)

    @classmethod
    def fresh(cls, layout: Layout, rows: int, columns: int, device: Any) -> RaggedKVCache:
        plan = Plan(columns)
        layers = [LinearAttentionLayer() if kind == "conv" else AttentionRows(plan) for kind in layout.kinds]
        return cls(layout, torch.zeros(rows, dtype=torch.int64, device=device), plan, layers)

    @property
    def rows(self) -> int:
        return int(self.lengths.shape[0])

    def forward(self, network: Any, ids: Tensor, counts: Tensor, longest: int, **options: Any) -> Tensor:
        """Feed ids [rows, time], of which the first ``counts[r]`` of a row are real; logits come back.

        ``longest`` is the most tokens that any row holds before the call.
        """
        rows, time = ids.shape
        self._make_room(longest + time)
        steps = torch.arange(time, device=ids.device)
        positions = self.lengths[:, None] + steps  # [rows, time]: a token's column is its position
        base = torch.arange(rows, device=ids.device)[:, None] * self.plan.columns
        self.plan.slots = (base + positions).flatten()
        self.plan.used = longest + time
        conv = [layer for layer, kind in zip(self.layers, self.layout.kinds, strict=True) if kind == "conv"]
        had = [layer.conv_states[0] is not None for layer in conv]
        recording = time > 1 or not all(had)
        for layer in conv:
            layer.record_past = recording
        output = network(
            input_ids=ids,
            attention_mask=self._build_masks(positions, network.dtype),
            position_ids=positions,
            use_cache=True,
            **{self.layout.cache: Cache(layers=self.layers)},
            **options,
        )
        if recording:
            for layer, before in zip(conv, had, strict=True):
                _cut_convolution(layer, counts, before)
        self.lengths = self.lengths + counts
        return output.logits

    def freeze(self, rows: Tensor) -> None:
        """Keep the convolution states of rows that end here; later steps of the batch run over them."""
        for index, (layer, kind) in enumerate(zip(self.layers, self.layout.kinds, strict=True)):
            if kind != "conv":
                continue
            state = layer.conv_states[0]
            held = self.frozen.setdefault(index, torch.zeros_like(state))
            held[rows] = state[rows]

    def nbytes(self) -> int:
        tensors = [buffer for layer in self.layers for buffer in tensors_of(layer)]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def _make_room(self, columns: int) -> None:
        if columns <= self.plan.columns:
            return
        more = max(columns, self.plan.columns + GROWTH, self.plan.columns * 5 // 4)
        for layer in self.layers:
            if isinstance(layer, AttentionRows):
                layer.buffers = [_widen(buffer, more) for buffer in layer.buffers]
        self.plan.columns = more

    def _build_masks(self, positions: Tensor, dtype: Any) -> Any:
        """Additive masks [rows, 1, time, columns]: a token sees its own and earlier columns of its row."""
        columns = torch.arange(self.plan.used, device=positions.device)
        behind = positions[:, :, None] - columns  # how far back each column lies
        masks = {"full_attention": _make_additive(behind >= 0, dtype)}
        if self.layout.window is not None:
            near = (behind >= 0) & (behind < self.layout.window)
            masks["sliding_attention"] = _make_additive(near, dtype)
        if not self.layout.mask_names:
            only = "sliding_attention" if "sliding" in self.layout.kinds else "full_attention"
            return masks[only]
        return {name: masks.get(name) for name in self.layout.mask_names}


def _make_additive(allowed: Tensor, dtype: Any) -> Tensor:
    blocked = torch.zeros(allowed.shape, dtype=dtype, device=allowed.device)
    return blocked.masked_fill_(~allowed, torch.finfo(dtype).min)[:, None]


def _widen(buffer: Tensor, columns: int) -> Tensor:
    rows, used, heads, width = buffer.shape
    wide = buffer.new_zeros((rows, columns, heads, width))
    wide[:, :used] = buffer
    return wide


def _cut_convolution(layer: Any, counts: Tensor, had_state: bool) -> None:
    """After a recorded pass the layer holds [rows, channels, K + time]; keep the K inputs that end a row."""
    full, kernel = layer.conv_states[0], layer.conv_kernel_size[0]
    if not had_state:
        full = torch.nn.functional.pad(full, (kernel, 0))
    window = counts[:, None] + torch.arange(kernel, device=counts.device)  # [rows, K]
    index = window[:, None, :].expand(-1, full.shape[1], -1)
    layer.conv_states[0] = full.gather(2, index)
    layer.record_past = False


def tensors_of(layer: Any) -> list[Tensor]:
    """What a layer keeps; nothing before its first pass."""
    if isinstance(layer, AttentionRows):
        return list(layer.buffers)
    return [state for state in layer.conv_states.values() if state is not None]


@dataclass(frozen=True)
class RowSelection:
    """Rows of a slab, or with ``kv_cache`` None as many empty ones.

    ``frozen``: the rows have ended, so take the convolution states that were held for them.
    """

    kv_cache: RaggedKVCache | None
    rows: Sequence[int]
    lengths: Sequence[int]
    frozen: bool = False


def gather_rows(
    layout: Layout, selections: Sequence[RowSelection], columns: int, device: Any
) -> RaggedKVCache:
    """A new slab of the picked rows, in order, each cut to its ``lengths``; ``columns`` wide at least."""
    lengths = [length for selection in selections for length in selection.lengths]
    columns = max([columns, *lengths])
    made = RaggedKVCache.fresh(layout, len(lengths), columns, device)
    made.lengths = torch.tensor(lengths, dtype=torch.int64, device=device)
    filled = [
        selection for selection in selections if selection.kv_cache is not None and any(selection.lengths)
    ]
    if not filled:
        return made
    indices = [torch.tensor(selection.rows, dtype=torch.int64, device=device) for selection in selections]
    for number, layer in enumerate(made.layers):
        if isinstance(layer, AttentionRows):
            layer.buffers = _gather_attention(selections, indices, number, columns)
        else:
            made.layers[number] = _gather_convolution(selections, indices, number)
    return made


def _gather_attention(
    selections: Sequence[RowSelection], indices: list[Tensor], number: int, columns: int
) -> list[Tensor]:
    model = (
        next(p.kv_cache for p in selections if p.kv_cache is not None and any(p.lengths))
        .layers[number]
        .buffers
    )
    total = sum(len(selection.rows) for selection in selections)
    made = [buffer.new_empty((total, columns, *buffer.shape[2:])) for buffer in model]
    start = 0
    for selection, rows in zip(selections, indices, strict=True):
        end = start + len(selection.rows)
        longest = max(selection.lengths, default=0) if selection.kv_cache is not None else 0
        sources = (
            selection.kv_cache.layers[number].buffers if selection.kv_cache is not None and longest else made
        )
        for target, source in zip(made, sources, strict=True):
            if longest:
                torch.index_select(source[:, :longest], 0, rows, out=target[start:end, :longest])
            target[start:end, longest:] = 0  # as in _empty
        start = end
    return made


def _gather_convolution(
    selections: Sequence[RowSelection], indices: list[Tensor], number: int
) -> LinearAttentionLayer:
    states = []
    model = (
        next(p.kv_cache for p in selections if p.kv_cache is not None and any(p.lengths))
        .layers[number]
        .conv_states[0]
    )
    for selection, rows in zip(selections, indices, strict=True):
        if selection.kv_cache is None or not any(selection.lengths):
            states.append(model.new_zeros((len(selection.rows), *model.shape[1:])))
            continue
        source = (
            selection.kv_cache.frozen[number]
            if selection.frozen
            else selection.kv_cache.layers[number].conv_states[0]
        )
        states.append(source.index_select(0, rows))
    return conv_rows(torch.cat(states))


def conv_rows(state: Tensor) -> LinearAttentionLayer:
    """A layer that has seen the last ``K`` inputs of each row: [rows, channels, K]."""
    layer = LinearAttentionLayer()
    layer.conv_states[0], layer.conv_kernel_size[0] = state, state.shape[-1]
    layer.dtype, layer.device = state.dtype, state.device
    layer.is_conv_states_initialized[0] = layer.has_previous_state[0] = True
    return layer
