"""The critic: a small head on the policy's last hidden states.

It reads them detached. What the critic learns so never moves the policy's features, there is no weight
to balance the two losses with, and no second network fills the memory. The price is a critic that can
only use what the policy already represents.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def value_head(network: Any, seed: int) -> nn.Sequential:
    """[N, h] to [N, 1]; starts at value 0, so that the first advantages are the rewards."""
    size = network.get_output_embeddings().in_features
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = nn.LayerNorm(size), nn.Linear(size, size), nn.Tanh(), (last := nn.Linear(size, 1))
        head = nn.Sequential(*layers)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return head.to(next(network.parameters()).device)


def values_of(head: nn.Module, hidden: Tensor) -> Tensor:
    values: Tensor = head(hidden.detach().float())[:, 0]  # [N]
    return values
