"""Episodes as tensors: right-padded micro-batches of similar length, cut by a token budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from selfchal.core.episode import Episode

SIMILAR = 0.75  # of a batch's longest episode; a third less time an update than without, on one CPU thread


@dataclass(frozen=True)
class MicroBatch:
    """b episodes padded to t ids; N agent tokens among them, row by row.

    Padding is on the right: under causal attention no agent token can see it, so no attention mask is
    needed and the fast causal kernels apply.
    """

    rows: Tensor  # [b] which of the episodes
    ids: Tensor  # [b, t]
    predicts: Tensor  # [b, t] bool: the next id is the agent's own
    targets: Tensor  # [N] the agent's ids
    rollout_logprobs: Tensor  # [N] their log-probabilities in the sampling engine
    row_of_token: Tensor  # [N] index into the whole batch's episodes

    def to(self, device: torch.device) -> MicroBatch:
        return MicroBatch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def agent_tokens(episode: Episode) -> int:
    """How many tokens of the episode the agent wrote; they alone carry gradient."""
    return sum(episode.mask)


def micro_batches(episodes: Sequence[Episode], max_tokens: int) -> list[MicroBatch]:
    """All ``episodes``, longest first (so that memory is at its peak in the first pass), in batches
    of at most ``max_tokens`` padded ids, or one episode where it alone is longer.

    Instead of packing, an episode much shorter than the longest begins another batch: padding is never
    more than a quarter, and no kernel needs to know where one episode ends.
    """
    return pack([(episode,) for episode in episodes], max_tokens)


def pack(units: Sequence[Sequence[Episode]], max_tokens: int) -> list[MicroBatch]:
    """The same for ``units`` of k episodes each, whose rows stay together in one batch, in their order.

    ``rows`` and ``row_of_token`` count the episodes of all units from end to end.
    """
    lengths = [max(map(useful_length, unit)) for unit in units]
    batches: list[list[int]] = []
    for index in sorted(range(len(units)), key=lambda index: (-lengths[index], index)):
        longest = lengths[batches[-1][0]] if batches else 0
        padded = (len(batches[-1]) + 1) * len(units[index]) * longest if batches else 0
        if batches and lengths[index] >= SIMILAR * longest and padded <= max_tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
    episodes, each = [episode for unit in units for episode in unit], len(units[0]) if units else 0
    return [
        _pad(episodes, [index * each + row for index in indices for row in range(each)], lengths[indices[0]])
        for indices in batches
    ]


def useful_length(episode: Episode) -> int:
    """Ids up to the agent's last token: what follows it cannot change any agent token's loss."""
    mask = episode.mask
    last = len(mask)
    while last and not mask[last - 1]:
        last -= 1
    return last


def _pad(episodes: Sequence[Episode], rows: list[int], longest: int) -> MicroBatch:
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    rollout_logprobs = torch.zeros(len(rows), longest)
    for slot, row in enumerate(rows):
        episode, length = episodes[row], useful_length(episodes[row])
        ids[slot, :length] = torch.tensor(episode.ids[:length])
        mask[slot, :length] = torch.tensor(episode.mask[:length], dtype=torch.bool)
        rollout_logprobs[slot, :length] = torch.tensor(episode.logprobs[:length])
    predicts = torch.zeros_like(mask)
    predicts[:, :-1] = mask[:, 1:]
    row_ids = torch.tensor(rows)
    return MicroBatch(
        rows=row_ids,
        ids=ids,
        predicts=predicts,
        targets=ids[mask],
        rollout_logprobs=rollout_logprobs[mask],
        row_of_token=row_ids.repeat_interleave(mask.sum(1)),
    )
