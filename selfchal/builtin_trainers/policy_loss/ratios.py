"""The seam ``ratio``: how much likelier what was sampled has become since the update began.

Pure functions. N: the agent's tokens of a micro-batch, laid end to end. ``log_ratios`` [N]: the present
log-probability of each token less the one before the update. ``rows`` [N]: which episode a token belongs to.
A micro-batch holds whole episodes.
"""

from __future__ import annotations

import torch
from torch import Tensor


def by_token(log_ratios: Tensor, rows: Tensor) -> Tensor:
    """Each token's own: PPO and GRPO (arXiv 1707.06347, equation 6)."""
    return log_ratios.exp()  # [N]


def by_sequence(log_ratios: Tensor, rows: Tensor) -> Tensor:
    """The geometric mean over an episode's tokens, for each of them: GSPO (arXiv 2507.18071, equation 7)."""
    _, episodes, lengths = rows.unique(return_inverse=True, return_counts=True)  # [N] and [b]
    sums = torch.zeros_like(lengths, dtype=log_ratios.dtype).index_add(0, episodes, log_ratios)  # [b]
    means: Tensor = sums / lengths  # [b]
    return means.exp()[episodes]  # [N]
