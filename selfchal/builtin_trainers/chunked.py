"""Log-probabilities and entropies from logits that never exist whole.

A large vocabulary makes logits the largest tensor of an update: 5,000 tokens of 128,256 ids take 2.6 GB in
float32, and their loss several times that. Here they are made for a few tokens at a time, once in the
forward pass and once more in the backward pass, and only numbers a token are kept between the two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import get_device_states, set_device_states

from selfchal.memory.updating import CHUNK_LOGITS

Head = Callable[[Tensor], Tensor]  # hidden states [n, h] to logits [n, vocabulary]


def count_rows(vocabulary: int) -> int:
    """How many tokens a chunk has."""
    return max(1, CHUNK_LOGITS // vocabulary)


def score_in_chunks(
    head: Head, weights: Sequence[Tensor], hidden: Tensor, targets: Tensor, rows: int, entropy_gradient: bool
) -> tuple[Tensor, Tensor]:
    """Log-probabilities [N] of ``targets`` [N] and entropies [N] for ``hidden`` [N, h], ``rows`` at a time.

    ``weights`` are those that ``head`` reads and that are trained. Their gradients are summed in float32.
    """
    apply: Any = _ChunkedScores.apply  # torch declares no types for it
    logprobs, entropies = apply(head, rows, entropy_gradient, hidden, targets, *weights)
    return logprobs, entropies


class _ChunkedScores(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        head: Head,
        rows: int,
        entropy_gradient: bool,
        hidden: Tensor,
        targets: Tensor,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        ctx.head, ctx.rows, ctx.entropy_gradient, ctx.weights = head, rows, entropy_gradient, weights
        ctx.random = _RandomState(hidden)
        pieces = zip(hidden.split(rows), targets.split(rows), strict=True)
        scored = [_score_rows(head(some), chosen) for some, chosen in pieces]
        logprobs, normalisers, entropies = (torch.cat(column) for column in zip(*scored, strict=True))
        ctx.save_for_backward(hidden, targets, normalisers, entropies)
        if not entropy_gradient:
            ctx.mark_non_differentiable(entropies)
        return logprobs, entropies

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, weights = ctx.rows, ctx.weights
        hidden_gradients, totals = list[Tensor](), list[Tensor]()
        columns = [tensor.split(rows) for tensor in (*ctx.saved_tensors, *gradients)]
        with ctx.random.restored():
            for some, targets, normalisers, entropies, *slopes in zip(*columns, strict=True):
                with torch.enable_grad():
                    some = some.detach().requires_grad_()
                    logits = ctx.head(some)  # [n, vocabulary]
                slope = _differentiate(
                    logits, targets, normalisers, entropies, *slopes, with_entropies=ctx.entropy_gradient
                )
                found = torch.autograd.grad(logits, [some, *weights], slope.to(logits.dtype))
                del logits, slope  # before the next chunk's are made
                hidden_gradients.append(found[0])
                totals = _add_up(totals, found[1:])
        summed = (total.to(weight.dtype) for total, weight in zip(totals, weights, strict=True))
        return None, None, None, torch.cat(hidden_gradients), None, *summed


def _score_rows(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities, normalisers and entropies, all [n], of ``logits`` [n, vocabulary]."""
    logits = logits.float()  # [n, vocabulary]
    normalisers = torch.logsumexp(logits, -1)  # [n]
    logprobs = logits.gather(-1, targets[:, None])[:, 0] - normalisers  # [n]
    probabilities = (logits - normalisers[:, None]).exp_()  # [n, vocabulary]
    return logprobs, normalisers, normalisers - probabilities.mul_(logits).sum(-1)


def _differentiate(
    logits: Tensor,
    targets: Tensor,
    normalisers: Tensor,
    entropies: Tensor,
    slopes: Tensor,
    entropy_slopes: Tensor,
    *,
    with_entropies: bool,
) -> Tensor:
    """The loss's derivative by ``logits`` [n, vocabulary], from those by log-probabilities and entropies [n].

    A log-probability moves with logit j by [j is the target] - p_j, the entropy H by -p_j (log p_j + H).
    """
    log_all = logits.detach().float() - normalisers[:, None]  # [n, vocabulary]
    if not with_entropies:
        slope = log_all.exp_().mul_(-slopes[:, None])  # [n, vocabulary]
    else:
        slope = log_all.exp()  # [n, vocabulary]
        factors = log_all.add_(entropies[:, None]).mul_(entropy_slopes[:, None]).add_(slopes[:, None])
        slope.mul_(factors.neg_())
    return slope.scatter_add_(-1, targets[:, None], slopes[:, None].to(slope.dtype))


def _add_up(totals: list[Tensor], found: Sequence[Tensor]) -> list[Tensor]:
    """In float32: many small sums in bfloat16 would lose what each of them adds."""
    if not totals:
        return [gradient.float() for gradient in found]
    for total, gradient in zip(totals, found, strict=True):
        total.add_(gradient)
    return totals


class _RandomState:
    """The random generators as they are now: a head that draws (dropout) has to draw the same again."""

    def __init__(self, tensor: Tensor) -> None:
        self.cpu = torch.get_rng_state()
        self.devices, self.states = get_device_states(tensor)

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Within, what was drawn since is drawn again; behind it all is as before."""
        with torch.random.fork_rng(self.devices):
            torch.set_rng_state(self.cpu)
            set_device_states(self.devices, self.states)
            yield


class RanDecoder(nn.Module):
    """Stands in for a decoder that has run already, and returns what it returned, for some tokens.

    The model's own forward pass around it then makes their logits, with all that the model does to hidden
    states before its output layer and to logits behind it (scaling, capping).
    """

    def __init__(self, core: Any, output: Any) -> None:
        """``core``: a transformers model. ``output``: what its decoder returned."""
        super().__init__()
        self.output = output
        self.core, self.decoder = (
            (core,),
            (core.get_decoder(),),
        )  # in tuples: no parts of this module

    def forward(self, *_: Any, **__: Any) -> Any:
        return self.output

    def make_logits(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """Logits [n, vocabulary] of ``hidden`` [n, h], as the decoder gave them. ``ids`` [1, 1]: any.

        ``forward`` itself is called and not the module: no hook of anybody's (FSDP's, a test's) may take
        this for another pass.
        """
        (core,), (decoder,), before = self.core, self.decoder, self.output
        owner = next(module for module in core.modules() if decoder in module.children())
        name = next(name for name, child in owner.named_children() if child is decoder)
        self.output = dataclasses.replace(before, last_hidden_state=hidden[None])
        setattr(owner, name, self)
        try:
            logits: Tensor = core.forward(input_ids=ids, use_cache=False).logits.squeeze(0)
        finally:
            setattr(owner, name, decoder)
            self.output = before
        return logits  # [n, vocabulary]
