"""The critic: what each of the agent's tokens will bring, by a head on the policy or a network of its own.

Both begin at value 0, so that the first advantages are the rewards, and neither moves the policy's weights:
there is no weight to balance the two losses with.
"""

from __future__ import annotations

import copy
from typing import Any, Literal

import torch
from torch import Tensor, nn

from selfchal.builtin_trainers.batch import MicroBatch
from selfchal.builtin_trainers.forward import Scores, project_only, read_inputs


class HeadCritic(nn.Module):
    """A small head on the policy's last hidden states, which it reads detached.

    No second network fills the memory. The price is a critic that can only use what the policy represents.
    """

    def __init__(self, network: Any, seed: int) -> None:
        super().__init__()
        size = network.get_output_embeddings().in_features
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.Sequential(
                nn.LayerNorm(size), nn.Linear(size, size), nn.Tanh(), nn.Linear(size, 1)
            )
        _set_to_zero(self.layers[-1])

    def forward(self, scores: Scores, batch: MicroBatch) -> Tensor:
        """Values [N] of the agent's tokens."""
        values: Tensor = self.layers(scores.hidden.detach().float())[:, 0]  # [N]
        return values


class NetworkCritic(nn.Module):
    """A copy of the policy as it is at the start, in float32, with one output instead of a vocabulary.

    All of it is trained, or with LoRA its own adapter and the output.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).float()
        output = nn.Linear(network.get_output_embeddings().in_features, 1)
        _set_to_zero(output)
        self.network.set_output_embeddings(output)

    def forward(self, scores: Scores, batch: MicroBatch) -> Tensor:
        """Values [N] of the agent's tokens."""
        with project_only(self.network, batch.predicts):
            values: Tensor = self.network(**read_inputs(batch), use_cache=False).logits  # [N, 1]
        return values.float().reshape(-1)  # [N]


def make_critic(kind: Literal["head", "network"], network: Any, seed: int) -> HeadCritic | NetworkCritic:
    critic = HeadCritic(network, seed) if kind == "head" else NetworkCritic(network)
    return critic.to(next(network.parameters()).device)


def _set_to_zero(output: nn.Module) -> None:
    for parameter in output.parameters():
        nn.init.zeros_(parameter)
