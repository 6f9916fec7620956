"""Checks on a running trainer that only the tokens that the agent wrote carry gradient.

That is CONTRIBUTING.md#invariant-4. It watches the last hidden states of the network while a trainer trains.
The gradient at the position that predicts a token is exactly that token's own share of the loss, whatever the
loss is and however the trainer calls the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from selfchal.core.episode import Episode


@dataclass
class GradientWatch:
    """``own`` counts places with gradient that predict an agent's token; ``leaks`` describes all others.

    A trainer is right when ``leaks`` is empty and ``own`` is not 0.
    """

    own: int = 0
    leaks: list[str] = field(default_factory=list)


@contextmanager
def watch_gradient(network: Any, episodes: Sequence[Episode]) -> Iterator[GradientWatch]:
    """Watch every backward pass through ``network`` (a transformers causal model) inside the block.

    ``episodes`` may still grow: a row of a batch is compared with those it could be when its gradient
    arrives. A row that is no episode, or is padded in its middle, is a leak as a whole.
    """
    watch = GradientWatch()

    def after_forward(_: Any, arguments: Any, keywords: dict[str, Any], output: Any) -> None:
        hidden = output.last_hidden_state  # [b, t, h]
        ids = keywords["input_ids"] if "input_ids" in keywords else arguments[0]  # [b, t]
        attended = keywords.get("attention_mask")
        if hidden.requires_grad:
            hidden.register_hook(lambda gradient: _compare(watch, episodes, ids, attended, gradient))

    handle = network.get_decoder().register_forward_hook(after_forward, with_kwargs=True)
    try:
        yield watch
    finally:
        handle.remove()


def _compare(
    watch: GradientWatch, episodes: Sequence[Episode], ids: Any, attended: Any, gradient: Any
) -> None:
    moved = gradient.abs().sum(-1) > 0  # [b, t]
    for row, indices in enumerate(moved.tolist()):
        first = int(attended[row].argmax()) if attended is not None else 0  # after left padding
        tokens = ids[row].tolist()
        mask = _read_mask(tokens[first:], episodes)
        for index, has_gradient in enumerate(indices):
            next_index = index + 1 - first
            if not has_gradient:
                continue
            if 0 < next_index < len(mask) and mask[next_index]:
                watch.own += 1
            else:
                token = tokens[index + 1] if index + 1 < len(tokens) else None
                watch.leaks.append(f"row {row}, place {index}: predicts id {token}, not written by the agent")


def _read_mask(tokens: list[int], episodes: Sequence[Episode]) -> list[int]:
    """The mask of the episode that ``tokens`` begin with the most of; empty where they begin none."""

    def shared(episode: Episode) -> int:
        pairs = zip(tokens, episode.ids, strict=False)
        return next(
            (i for i, (one, other) in enumerate(pairs) if one != other), min(len(tokens), len(episode.ids))
        )

    best = max(episodes, key=shared, default=None)
    if best is None:
        return []
    return best.mask[: shared(best)]
