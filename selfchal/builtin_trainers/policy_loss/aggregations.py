"""The seam ``aggregation``: what each of an episode's tokens weighs in the loss of an update.

Pure functions of ``lengths`` [B], the agent's tokens of each of the update's episodes, and ``budget``, tokens
an episode. The sum of loss times weight over all tokens is the loss, however they are cut into micro-batches
and shared out to processes.
"""

from __future__ import annotations

import torch
from torch import Tensor


def weigh_by_token(lengths: Tensor, budget: int) -> Tensor:
    """The mean over all tokens: DAPO (arXiv 2503.14476, equation 8). Long episodes weigh more."""
    return torch.ones_like(lengths, dtype=torch.float32) / lengths.sum()  # [B]


def weigh_by_sequence(lengths: Tensor, budget: int) -> Tensor:
    """The mean over episodes of their means: GRPO (arXiv 2402.03300, equation 3). A token of a long episode
    weighs less."""
    return 1.0 / (lengths * len(lengths))  # [B]


def weigh_constantly(lengths: Tensor, budget: int) -> Tensor:
    """The sum over tokens by a constant: Dr. GRPO (arXiv 2503.20783, section 3.2). No length is favoured."""
    return torch.ones_like(lengths, dtype=torch.float32) / (len(lengths) * budget)  # [B]
