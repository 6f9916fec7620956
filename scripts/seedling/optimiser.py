"""Muon in float32 for matrices (Jordan et al. 2024), AdamW for the rest.

``torch.optim.Muon`` runs its Newton-Schulz iteration in bfloat16, which is many times slower on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal. ``params`` are 2-d; ``lr`` is the update's scale."""

    def __init__(self, params: Iterable[torch.nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Returns None. ``closure`` is for methods that look at a loss several times; it is not called."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.nn.Parameter]] = {}
            for param in group["params"]:
                by_shape.setdefault(param.shape, []).append(param)
            for params in by_shape.values():
                self._step_batch(params, group["lr"], group["momentum"])

    def _step_batch(self, params: list[torch.nn.Parameter], lr: float, momentum: float) -> None:
        updates = []
        for param in params:
            gradient = param.grad
            assert gradient is not None  # every matrix of the network takes part in the loss
            buffer = self.state[param].setdefault("momentum", torch.zeros_like(param))
            buffer.mul_(momentum).add_(gradient)
            updates.append(gradient.add(buffer, alpha=momentum))
        rows, columns = params[0].shape
        made = orthogonal(torch.stack(updates)) * max(1.0, rows / columns) ** 0.5
        for param, update in zip(params, made, strict=True):
            param.add_(update, alpha=-lr)


def orthogonal(matrices: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Newton-Schulz: [n, rows, columns] to matrices whose singular values are all near 1."""
    a, b, c = 3.4445, -4.7750, 2.0315
    flip = matrices.shape[-2] > matrices.shape[-1]
    x: torch.Tensor = matrices.transpose(-2, -1) if flip else matrices
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(-2, -1)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.transpose(-2, -1) if flip else x


def optimisers(network: torch.nn.Module, lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for embedding, norms and convolutions."""
    named = list(network.named_parameters())
    matrices = [param for name, param in named if param.ndim == 2 and "embed" not in name]
    rest = [param for name, param in named if param.ndim != 2 or "embed" in name]
    return [Muon(matrices, lr=lr), torch.optim.AdamW(rest, lr=lr * 0.5, betas=(0.9, 0.98), weight_decay=0.0)]
