"""Attention over packed rows (``packing: true``): each episode sees itself alone.

transformers tells from positions that begin anew where an episode begins. Its flash attention then computes
what lies within episodes and nothing else; its other attentions mask a row's whole square, which is right and
slow. A model that looks at no positions would let an episode see the one before it, so that is tried first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers.utils.import_utils import is_flash_attn_2_available

from selfchal.builtin_trainers.forward import make_autocast, unwrap_adapter
from selfchal.builtin_trainers.sharding import find_compute_type, find_device
from selfchal.core.errors import TrainingError

FLASH = "flash_attention_2"
_PROBE = 8  # ids of each of two made-up episodes
_CLOSE, _CLOSE_IN_HALF = 1e-3, 0.05  # of the largest logit; what leaks moves logits by far more


class PackingOptions(Protocol):
    packing: bool
    precision: Any


@contextmanager
def packed_attention(network: Any, options: PackingOptions) -> Iterator[None]:
    """Within, the network attends by flash attention, where rows are packed and this can be had."""
    core = unwrap_adapter(network)
    if not (options.packing and _has_flash(core, options)):
        yield
        return
    before = core.config._attn_implementation
    core.set_attn_implementation(FLASH)
    try:
        yield
    finally:
        core.set_attn_implementation(before)


def _has_flash(core: Any, options: PackingOptions) -> bool:
    half = find_compute_type(core, options.precision) in (torch.bfloat16, torch.float16)
    return find_device(core).type == "cuda" and half and is_flash_attn_2_available()


def check_packing(network: Any, options: PackingOptions) -> None:
    """Where rows are to be packed, score two made-up episodes in one row, and the second one alone.

    All processes of a team call it. Raises TrainingError where the two differ: this model's attention does
    not know where an episode begins.
    """
    if not options.packing:
        return
    device, vocabulary = find_device(network), network.config.get_text_config().vocab_size
    ids = torch.arange(2 * _PROBE, device=device)[None] % vocabulary  # [1, t]
    positions = torch.arange(_PROBE, device=device).repeat(2)[None]  # [1, t]
    autocast = make_autocast(device, options.precision == "bfloat16")
    with torch.no_grad(), packed_attention(network, options), autocast():
        both = _make_logits(network, ids, positions)[0, _PROBE:]  # [t / 2, vocabulary]
        alone = _make_logits(network, ids[:, _PROBE:], positions[:, _PROBE:])[0]  # [t / 2, vocabulary]
    exact = find_compute_type(network, options.precision) is torch.float32
    most = (_CLOSE if exact else _CLOSE_IN_HALF) * float(alone.abs().max())
    if float((both - alone).abs().max()) > most:
        raise TrainingError(
            f"packing: with {type(network).__name__} an episode would see the one before it in its row; "
            "leave packing out"
        )


def _make_logits(network: Any, ids: Tensor, positions: Tensor) -> Tensor:
    logits: Tensor = network(input_ids=ids, position_ids=positions, use_cache=False).logits
    return logits.float()
