"""Tells whether the ragged cache can hold what a network's layers keep between tokens, by trying it.

Full attention, sliding attention and short convolutions fit. Recurrent states and compressed or shared
caches do not. Neither does a network whose logits come out differently through the ragged cache than in one
plain pass. Those networks are generated with by ``grouped``, which is slower.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import (
    DynamicCache,
    DynamicLayer,
    DynamicSlidingWindowLayer,
    LinearAttentionLayer,
)

from selfchal.builtin_models.generation.ragged_cache import Layout, RaggedKVCache, cache_name

_KINDS: dict[type, str] = {
    DynamicLayer: "attention",
    DynamicSlidingWindowLayer: "sliding",
    LinearAttentionLayer: "conv",
}
# Relative to the spread of the logits; far above rounding, far below what a lost token changes.
_TOLERANCE = {torch.float32: 1e-3, torch.float16: 5e-2, torch.bfloat16: 1e-1}


def find_layout(network: PreTrainedModel) -> Layout | None:
    """The layout of this network's layers, or None where the ragged cache does not give its exact logits."""
    config = network.config.get_text_config(decoder=True)
    layers = DynamicCache(config=config).layers
    if not layers or any(type(layer) not in _KINDS for layer in layers):
        return None
    windows = {layer.sliding_window for layer in layers if isinstance(layer, DynamicSlidingWindowLayer)}
    if len(windows) > 1:
        return None
    names = tuple(dict.fromkeys(getattr(config, "layer_types", None) or ()))
    layout = Layout(
        kinds=tuple(_KINDS[type(layer)] for layer in layers),
        cache=cache_name(network),
        window=windows.pop() if windows else None,
        mask_names=names if len(names) > 1 else (),
    )
    with torch.inference_mode():
        token_bytes = _try_layout(network, layout)
    return None if token_bytes is None else replace(layout, token_bytes=token_bytes)


def _try_layout(network: PreTrainedModel, layout: Layout) -> int | None:
    """Feed two rows of different length in uneven parts; compare with one plain pass for each.

    Gives the bytes that are kept of a token; None where the numbers differ, or it takes no such cache.
    """
    device, vocabulary = network.device, network.config.get_text_config(decoder=True).vocab_size
    rows = [[(7 * index + 3) % vocabulary for index in range(size)] for size in (9, 6)]
    passes = [([4, 2], 4), ([1, 1], 1), ([4, 3], 4)]  # real tokens of each row, width of the pass
    kv_cache, longest, done = RaggedKVCache.fresh(layout, 2, 4, device), 0, [0, 0]
    worst, spread = 0.0, 1e-6
    reference = [network(torch.tensor([row], device=device)).logits[0].float() for row in rows]
    try:
        for counts, width in passes:
            parts = [row[at : at + n] for row, at, n in zip(rows, done, counts, strict=True)]
            ids = torch.tensor([part + [0] * (width - len(part)) for part in parts], device=device)
            logits = kv_cache.forward(network, ids, torch.tensor(counts, device=device), longest)
            for row, n in enumerate(counts):
                want = reference[row][done[row] : done[row] + n]
                worst = max(worst, (logits[row, :n].float() - want).abs().max().item())
                spread = max(spread, want.std().item())
            done = [at + n for at, n in zip(done, counts, strict=True)]
            longest = max(done)
    except (RuntimeError, TypeError, ValueError, AttributeError, KeyError, IndexError):
        return None  # its code takes no such masks or caches: that is the answer, not an accident
    agrees = worst <= _TOLERANCE.get(network.dtype, 1e-1) * spread
    return kv_cache.nbytes() // (kv_cache.rows * kv_cache.plan.columns) if agrees else None
