"""The network's view of a micro-batch: log-probability and entropy of each token the agent wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from selfchal.builtin_trainers.batch import MicroBatch


@dataclass(frozen=True)
class Scores:
    logprobs: Tensor  # [N]
    entropies: Tensor  # [N]
    hidden: Tensor  # [N, h] last hidden state where each token was predicted


def score(
    network: nn.Module, batch: MicroBatch, *, bfloat16: bool = False, entropy_gradient: bool = False
) -> Scores:
    """One forward pass. The vocabulary projection, most of a small model's memory and time, is made at
    the N places that predict an agent token and nowhere else.

    ``batch.predicts`` marks them: an episode's mask, moved one place to the left. All other tokens get no
    log-probability here, and so no gradient.
    """
    device = batch.ids.device
    autocast: Any = torch.autocast(device.type, torch.bfloat16) if bfloat16 else nullcontext()
    with autocast, project_only(network, batch.predicts) as seen:
        logits = network(input_ids=batch.ids, use_cache=False).logits.float()  # [N, vocabulary]
    logits = logits.reshape(-1, logits.shape[-1])
    normaliser = torch.logsumexp(logits, -1)  # [N]
    logprobs = logits.gather(-1, batch.targets[:, None])[:, 0] - normaliser  # [N]
    with torch.set_grad_enabled(torch.is_grad_enabled() and entropy_gradient):
        entropies = normaliser - (torch.exp(logits - normaliser[:, None]) * logits).sum(-1)  # [N]
    return Scores(logprobs, entropies, seen[0])


@contextmanager
def project_only(network: Any, predicts: Tensor) -> Iterator[list[Tensor]]:
    """Hand the output layer the hidden states of ``predicts`` alone.

    A hook on the layer instead of a call of the parts, so that whatever a model does to its logits
    afterwards (scaling, capping) still happens.
    """
    seen: list[Tensor] = []

    def choose(_: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor]:
        seen.append(arguments[0][predicts])  # [N, h]
        return (seen[0],)

    handle = network.get_output_embeddings().register_forward_pre_hook(choose)
    try:
        yield seen
    finally:
        handle.remove()
