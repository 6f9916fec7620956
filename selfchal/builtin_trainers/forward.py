"""The network's view of a micro-batch: log-probability and entropy of each token the agent wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from selfchal.builtin_trainers.batch import MicroBatch
from selfchal.builtin_trainers.chunked import RanDecoder, count_rows, score_in_chunks


@dataclass(frozen=True)
class Scores:
    logprobs: Tensor  # [N]
    entropies: Tensor  # [N]
    hidden: Tensor  # [N, h] last hidden state where each token was predicted


def score(
    network: nn.Module, batch: MicroBatch, *, bfloat16: bool = False, entropy_gradient: bool = False
) -> Scores:
    """One forward pass. The vocabulary projection, most of a small model's memory and time, is made at
    the N places that predict an agent token and nowhere else, and in chunks where it is large.

    ``batch.predicts`` marks them: an episode's mask, moved one place to the left. All other tokens get no
    log-probability here, and so no gradient.
    """
    rows = count_rows(_count_vocabulary(network))
    autocast = make_autocast(batch.ids.device, bfloat16)
    if len(batch.targets) > rows:
        return _score_chunked(network, batch, autocast, rows, entropy_gradient)
    with autocast(), project_only(network, batch.predicts) as seen:
        logits = network(**read_inputs(batch), use_cache=False).logits.float()  # [N, vocabulary]
    logits = logits.reshape(-1, logits.shape[-1])
    normaliser = torch.logsumexp(logits, -1)  # [N]
    logprobs = logits.gather(-1, batch.targets[:, None])[:, 0] - normaliser  # [N]
    with torch.set_grad_enabled(torch.is_grad_enabled() and entropy_gradient):
        entropies = normaliser - (torch.exp(logits - normaliser[:, None]) * logits).sum(-1)  # [N]
    return Scores(logprobs, entropies, seen[0])


def _score_chunked(
    network: Any, batch: MicroBatch, autocast: Callable[[], Any], rows: int, entropy_gradient: bool
) -> Scores:
    core = unwrap_adapter(network)
    with autocast(), project_only(network, torch.zeros_like(batch.predicts)), _decoded(core) as outputs:
        network(**read_inputs(batch), use_cache=False)
    hidden = outputs[0].last_hidden_state[batch.predicts]  # [N, h]
    decoder = RanDecoder(core, outputs[0])

    def head(some: Tensor) -> Tensor:
        with autocast():
            return decoder.make_logits(some, batch.ids[:1, :1])

    weights = [weight for weight in core.get_output_embeddings().parameters() if weight.requires_grad]
    scored = score_in_chunks(head, weights, hidden, batch.targets, rows, entropy_gradient)
    return Scores(*scored, hidden)


def read_inputs(batch: MicroBatch) -> dict[str, Tensor]:
    """What a network is given: ids [b, t], and of a packed row the positions [1, t]."""
    return {"input_ids": batch.ids} | ({} if batch.positions is None else {"position_ids": batch.positions})


def make_autocast(device: torch.device, bfloat16: bool) -> Callable[[], Any]:
    def autocast() -> Any:
        return torch.autocast(device.type, torch.bfloat16) if bfloat16 else nullcontext()

    return autocast


def _count_vocabulary(network: Any) -> int:
    return int(network.get_output_embeddings().out_features)


@contextmanager
def _decoded(core: Any) -> Iterator[list[Any]]:
    """What the decoder returns within."""
    outputs: list[Any] = []
    handle = core.get_decoder().register_forward_hook(lambda _, __, output: outputs.append(output))
    try:
        yield outputs
    finally:
        handle.remove()


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


def is_adapted(network: nn.Module) -> bool:
    from transformers.utils.import_utils import is_peft_available

    if not is_peft_available():
        return False
    from peft import PeftModel

    return isinstance(network, PeftModel)


def unwrap_adapter(network: Any) -> Any:
    """The network below an adapter; the network itself where there is none."""
    return network.get_base_model() if is_adapted(network) else network
