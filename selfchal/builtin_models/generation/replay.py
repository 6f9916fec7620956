"""One step of a small network, recorded once and replayed without the Python between its operations.

On a CPU the layers of a network of a few million parameters take less time than the Python that calls them.
So after some steps, the pass that feeds every row one token is traced, through transformers' own code, and
from then on replayed: the same operations on the same weights, with the same numbers. Larger passes, and
networks that cannot be traced or come out otherwise, go on as they are.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch.nn.functional import pad
from transformers.cache_utils import Cache

from selfchal.builtin_models.generation.ragged_cache import AttentionRows, Layout, Plan, conv_rows, tensors_of

log = logging.getLogger(__name__)
Tensor = Any
SMALL = 30_000_000  # parameters; in larger networks the arithmetic hides the Python
AFTER = 48  # steps until it is worth the half second that a recording takes


def replaying(network: Any, layout: Layout) -> Any:
    """The network, or what replays its steps where that helps. For networks that nothing is wrapped around:
    what an adapter switches on and off would be recorded as it stood."""
    small = network.device.type == "cpu" and network.num_parameters() <= SMALL
    return Replay(network, layout) if small and set(layout.kinds) != {"conv"} else network


class Replay:
    """To be called as ``RaggedKVCache.forward`` calls a network."""

    def __init__(self, network: Any, layout: Layout) -> None:
        self.network = network
        self._layout = layout
        self._steps = 0
        self._recorded: Any = None
        self._recorded_dtype = network.dtype

    @property
    def dtype(self) -> torch.dtype:
        """The network's at this moment: TRL casts the weights of one that was loaded in bfloat16."""
        return self.network.dtype

    def __call__(self, **given: Any) -> Any:
        layers = given[self._layout.cache].layers
        if given["input_ids"].shape[1] > 1 or not all(map(tensors_of, layers)):
            return self.network(**given)
        self._steps += 1
        fits = self._recorded is not None and self._recorded_dtype == self.dtype
        if self._steps < AFTER or (self._steps > AFTER and not fits):
            return self.network(**given)
        inputs = _list_inputs(given, layers)
        if self._steps == AFTER:
            self._record(inputs)
            return self.network(**given)
        return SimpleNamespace(logits=self._recorded(*inputs))

    def _record(self, inputs: Sequence[Tensor]) -> None:
        """Trace on rows of another number and width, then compare on these."""
        step, example = (
            _Step(self.network, self._layout),
            _make_example(inputs, len(_name_masks(self._layout))),
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of branches on shapes: those that matter are compared below
                recorded = torch.jit.trace(step, example, strict=False, check_trace=False)
            for _ in range(3):  # its first runs optimise it
                got = recorded(*_copy_inputs(inputs))
            want = step(*_copy_inputs(inputs))
        except (RuntimeError, TypeError, ValueError) as error:
            log.info("%s cannot be recorded: %s", type(self.network).__name__, error)
            return
        if torch.allclose(got, want, rtol=1e-4, atol=1e-5):
            self._recorded, self._recorded_dtype = recorded, self.dtype


class _Step(torch.nn.Module):  # type: ignore[misc] # torch is not typed here
    """The pass as a function of tensors alone, as tracing wants it. It writes into the caches it is given."""

    def __init__(self, network: Any, layout: Layout) -> None:
        super().__init__()
        self.network = network
        self._layout = layout

    def forward(self, ids: Tensor, positions: Tensor, slots: Tensor, *rest: Tensor) -> Tensor:
        layout, given = self._layout, iter(rest)
        masks = {name: next(given) for name in _name_masks(layout)}
        used = next(iter(masks.values())).shape[-1]
        plan = Plan(columns=0, used=used, slots=slots)
        layers: list[Any] = []
        for kind in layout.kinds:
            layers.append(conv_rows(next(given)) if kind == "conv" else AttentionRows(plan))
            if kind != "conv":
                layers[-1].buffers = [next(given), next(given)]
        mask = {name: masks.get(name) for name in layout.mask_names} if layout.mask_names else masks[""]
        cache = {layout.cache: Cache(layers=layers)}
        output = self.network(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True, **cache
        )
        return output.logits


def _name_masks(layout: Layout) -> list[str]:
    """The names of the masks that ``RaggedKVCache.forward`` gives; one without a name where all are alike."""
    known = {"full_attention"} if layout.window is None else {"full_attention", "sliding_attention"}
    return [name for name in layout.mask_names if name in known] or [""]


def _list_inputs(given: dict[str, Any], layers: Sequence[Any]) -> list[Tensor]:
    """What a step reads and writes, in the order of ``_Step.forward``."""
    mask = given["attention_mask"]
    masks = [one for one in mask.values() if one is not None] if isinstance(mask, dict) else [mask]
    plan = next(layer.plan for layer in layers if isinstance(layer, AttentionRows))
    caches = [tensor for layer in layers for tensor in tensors_of(layer)]
    return [given["input_ids"], given["position_ids"], plan.slots, *masks, *caches]


def _make_example(inputs: Sequence[Tensor], masks: int) -> tuple[Tensor, ...]:
    """The first row, once more than there are rows, in masks and caches that are two columns wider."""
    rows = inputs[0].shape[0] + 1
    made = [tensor[:1].repeat(rows, *[1] * (tensor.dim() - 1)) for tensor in inputs]
    first = 3 + masks
    made[3:first] = [pad(mask, (0, 2), value=torch.finfo(mask.dtype).min) for mask in made[3:first]]
    made[first:] = [pad(one, (0, 0, 0, 0, 0, 2)) if one.dim() == 4 else one for one in made[first:]]
    columns = next(one.shape[1] for one in made[first:] if one.dim() == 4)
    made[2] = made[1].flatten() + columns * torch.arange(rows)
    return tuple(made)


def _copy_inputs(inputs: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.clone() for tensor in inputs]
