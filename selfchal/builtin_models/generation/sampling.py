"""Draws one token a row from logits, with its exact log-probability, by noise that depends on the row alone.

Each row draws from a stream of its own, keyed by the seed, its prompt, and how often that prompt occurred
before in the call. So a row's sample does not depend on what else is in the batch, nor on when the
row joined it (except for rounding in the network's own arithmetic).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def stream(seed: int, prompt: Sequence[int], occurrence: int) -> int:
    """The key of a row's stream: 64 bits."""
    digest = hashlib.blake2b(f"{seed}/{occurrence}/".encode(), digest_size=8)
    digest.update(np.asarray(prompt, dtype=np.int64).tobytes())
    return int.from_bytes(digest.digest(), "little")


def uniforms(streams: npt.NDArray[np.uint64], steps: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """The number in [0, 1) that each stream has at its step (splitmix64)."""
    with np.errstate(over="ignore"):
        bits = streams + (steps + np.uint64(1)) * _GOLDEN
        bits = (bits ^ (bits >> np.uint64(30))) * _MIX_1
        bits = (bits ^ (bits >> np.uint64(27))) * _MIX_2
        bits = bits ^ (bits >> np.uint64(31))
    fraction: npt.NDArray[np.float64] = (bits >> np.uint64(11)).astype(np.float64)
    return fraction * 2.0**-53


def draw(logits: Tensor, noise: Tensor, temperature: float, top_p: float) -> tuple[Tensor, Tensor]:
    """Tokens [rows] and their log-probabilities [rows] under softmax(logits) as it stands.

    ``logits`` is [rows, vocabulary], ``noise`` [rows] in [0, 1). Temperature 0 takes the largest.
    """
    logits = logits.float()
    if temperature == 0:
        tokens = logits.argmax(-1)
    else:
        weights = torch.softmax(logits if temperature == 1 else logits / temperature, -1)
        if top_p < 1:
            weights = _cut_nucleus(weights, top_p)
        tokens = _invert(weights, noise)
    chosen = logits.gather(-1, tokens[:, None])[:, 0]
    return tokens, chosen - torch.logsumexp(logits, -1)


def _invert(weights: Tensor, noise: Tensor) -> Tensor:
    """The token at which the cumulated weight first exceeds ``noise`` of its total.

    Summed in double precision, where a large vocabulary's rounding stays far below a token's weight.
    """
    total = weights.double().cumsum(-1)
    wanted = noise[:, None] * total[:, -1:]
    return torch.searchsorted(total, wanted, right=True)[:, 0].clamp_(max=weights.shape[-1] - 1)


def _cut_nucleus(weights: Tensor, top_p: float) -> Tensor:
    """Zero all but the smallest set of tokens whose weight reaches ``top_p`` (Holtzman et al. 2020)."""
    ordered, order = weights.sort(stable=True, dim=-1, descending=True)
    before = ordered.cumsum(-1) - ordered
    ordered = ordered.masked_fill(before >= top_p, 0.0)
    return torch.zeros_like(weights).scatter(-1, order, ordered)
