"""The key/value (and convolution) cache of many conversations of different lengths at once.

Rows are left-aligned and ragged: row ``r`` holds ``lengths[r]`` tokens, and its next token is written at
that column whatever the other rows do. So no padding ever stands inside a conversation. What pads a batch
lies to the right of a row's tokens, is never attended to, and is overwritten by what comes next.
Short convolutions keep the last ``K`` inputs of each row, cut out where that row ends.

The tensors reach the transformers model through its own cache classes, one object a layer.
``row_selection`` makes a new cache out of rows of others.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicLayer, LinearAttentionLayer

from selfchal.builtin_models.generation.attention import RowPart, attending_in_parts, split_rows

GROWTH = 32  # columns: a cache grows by at least this many, so that growing stays rare


def cache_name(network: PreTrainedModel) -> str:
    """What this network calls its cache; transformers renamed it in 5.24."""
    known = inspect.signature(network.forward).parameters
    return next(name for name in ("cache", "cache_params", "past_key_values") if name in known)


@dataclass
class WritePlan:
    """Where the present forward pass writes; one for all layers of a cache."""

    columns: int  # columns that the buffers have
    used: int = 0  # columns that hold a token of some row after the pass
    positions: Tensor | None = None  # [rows, time]: a token's column is its position
    _slots: dict[int, Tensor] = field(default_factory=dict)

    def start_pass(self, positions: Tensor, used: int) -> None:
        self.positions, self.used = positions, used
        self._slots.clear()

    def slots(self, heads: int) -> Tensor:
        """Where [rows, heads, time] lie in a buffer's [rows, heads, columns], both flattened."""
        if heads not in self._slots:
            assert self.positions is not None
            lines = torch.arange(self.positions.shape[0] * heads, device=self.positions.device)
            starts = (lines * self.columns).view(-1, heads, 1)  # [rows, heads, 1]
            self._slots[heads] = (starts + self.positions[:, None]).flatten()
        return self._slots[heads]


class AttentionRows(DynamicLayer):
    """Keys and values [rows, heads, columns, width], written where the plan says.

    Heads stand before columns, as in transformers' own caches: attention over one head then reads memory in
    order, which makes a decode step's attention about twice as fast on a CPU.
    """

    def __init__(self, plan: WritePlan) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # untyped_calls_exclude does not see through super()
        self.plan = plan
        self.buffers: list[Tensor] = []

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Store [rows, heads, time, width]; give back views of all columns in use."""
        fresh = (key_states, value_states)
        if not self.buffers:
            self.buffers = [_make_empty(states, self.plan.columns) for states in fresh]
        for buffer, states in zip(self.buffers, fresh, strict=True):
            _, heads, _, width = states.shape
            buffer.view(-1, width).index_copy_(0, self.plan.slots(heads), states.reshape(-1, width))
        keys, values = (buffer[:, :, : self.plan.used] for buffer in self.buffers)
        return keys, values

    def get_seq_length(self) -> int:
        return self.plan.used


Layer = AttentionRows | LinearAttentionLayer


def _make_empty(states: Tensor, columns: int) -> Tensor:
    # Zeros, not empty memory: a masked column weighs 0, and 0 times NaN is NaN.
    rows, heads, _, width = states.shape
    return states.new_zeros((rows, heads, columns, width))


@dataclass(frozen=True)
class Layout:
    """What the layers of a network keep, in order: ``attention``, ``sliding`` or ``conv``."""

    kinds: tuple[str, ...]
    cache: str  # the name of the network's own argument for its cache
    window: int | None = None
    # A model with one kind of attention takes one mask, one with several takes a mask a kind.
    mask_names: tuple[str, ...] = ()
    token_bytes: int = 0  # kept of each token of a row, over all layers


@dataclass
class RaggedKVCache:
    """``lengths[r]`` tokens of row ``r`` are cached; ``frozen`` holds convolution states of ended rows."""

    layout: Layout
    lengths: Tensor  # [rows], int64
    plan: WritePlan
    layers: list[Layer] = field(default_factory=list)
    frozen: dict[int, Tensor] = field(default_factory=dict)

    @classmethod
    def fresh(cls, layout: Layout, rows: int, columns: int, device: torch.device) -> RaggedKVCache:
        plan = WritePlan(columns)
        layers: list[Layer] = [
            LinearAttentionLayer() if kind == "conv" else AttentionRows(plan) for kind in layout.kinds
        ]
        return cls(layout, torch.zeros(rows, dtype=torch.int64, device=device), plan, layers)

    @property
    def rows(self) -> int:
        return int(self.lengths.shape[0])

    def forward(
        self, network: PreTrainedModel, ids: Tensor, counts: Tensor, longest: int, **options: Any
    ) -> Tensor:
        """Feed ids [rows, time], of which the first ``counts[r]`` of a row are real; give back the logits.

        ``longest`` is the most tokens that any row holds before the call.
        """
        time = ids.shape[1]
        self._widen_to(longest + time)
        positions = self.lengths[:, None] + torch.arange(time, device=ids.device)  # [rows, time]
        self.plan.start_pass(positions, used=longest + time)
        conv = [layer for layer in self.layers if isinstance(layer, LinearAttentionLayer)]
        had = [layer.conv_states[0] is not None for layer in conv]
        recording = time > 1 or not all(had)
        for layer in conv:
            layer.record_past = recording
        with attending_in_parts(self._split_rows(time)):
            output = network(
                input_ids=ids,
                attention_mask=self._build_masks(positions, network.dtype),
                position_ids=positions,
                use_cache=True,
                **{self.layout.cache: Cache(layers=list(self.layers))},
                **options,
            )
        if recording:
            for layer, before in zip(conv, had, strict=True):
                _cut_convolution(layer, counts, before)
        self.lengths = self.lengths + counts
        logits: Tensor = output.logits
        return logits

    def freeze(self, rows: Tensor) -> None:
        """Keep the convolution states of rows that end here; later steps of the batch run over them."""
        for index, layer in enumerate(self.layers):
            if isinstance(layer, LinearAttentionLayer):
                state = conv_state(layer)
                held = self.frozen.setdefault(index, torch.zeros_like(state))
                held[rows] = state[rows]

    def nbytes(self) -> int:
        tensors = [tensor for layer in self.layers for tensor in _list_tensors(layer)]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def _split_rows(self, time: int) -> Sequence[RowPart]:
        """Which rows attend together in a pass over ``time`` tokens. A GPU takes all of them at once."""
        if self.lengths.device.type != "cpu":
            return [RowPart(0, self.rows, self.plan.used)]
        return split_rows((self.lengths + time).tolist())

    def _widen_to(self, columns: int) -> None:
        if columns <= self.plan.columns:
            return
        more = max(columns, self.plan.columns + GROWTH, self.plan.columns * 5 // 4)
        for layer in self.layers:
            if isinstance(layer, AttentionRows):
                layer.buffers = [_widen(buffer, more) for buffer in layer.buffers]
        self.plan.columns = more

    def _build_masks(self, positions: Tensor, dtype: torch.dtype) -> Tensor | dict[str, Tensor | None]:
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


def _make_additive(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    blocked = torch.zeros(allowed.shape, dtype=dtype, device=allowed.device)
    return blocked.masked_fill_(~allowed, torch.finfo(dtype).min)[:, None]


def _widen(buffer: Tensor, columns: int) -> Tensor:
    rows, heads, used, width = buffer.shape
    wide = buffer.new_zeros((rows, heads, columns, width))
    wide[:, :, :used] = buffer
    return wide


def conv_state(layer: LinearAttentionLayer) -> Tensor:
    """The last inputs of a layer that was fed before: [rows, channels, K]."""
    state = layer.conv_states[0]
    assert state is not None
    return state


def _cut_convolution(layer: LinearAttentionLayer, counts: Tensor, had_state: bool) -> None:
    """After a recorded pass the layer holds [rows, channels, K + time]; keep the K inputs that end a row."""
    full, kernel = conv_state(layer), layer.conv_kernel_size[0]
    assert kernel is not None  # the pass has set it
    if not had_state:
        full = torch.nn.functional.pad(full, (kernel, 0))
    window = counts[:, None] + torch.arange(kernel, device=counts.device)  # [rows, K]
    index = window[:, None, :].expand(-1, full.shape[1], -1)
    layer.conv_states[0] = full.gather(2, index)
    layer.record_past = False


def _list_tensors(layer: Layer) -> list[Tensor]:
    """What a layer keeps; nothing before its first pass."""
    if isinstance(layer, AttentionRows):
        return layer.buffers
    return [state for state in layer.conv_states.values() if state is not None]
