"""Episodes as tensors: micro-batches cut by a token budget, padded or packed.

Padded, episodes of similar length are rows of a batch. Packed, they stand behind one another in one row,
whose positions begin anew with each; a model's attention knows by these where an episode ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from selfchal.core.episode import Episode

SIMILAR = 0.75  # of a batch's longest episode; a third less time an update than without, on one CPU thread


@dataclass(frozen=True)
class MicroBatch:
    """b episodes padded to t ids, or packed into one row of t; N agent tokens among them, episode by episode.

    Padding is on the right: under causal attention no agent token can see it, so no attention mask is
    needed and the fast causal kernels apply.
    """

    rows: Tensor  # [b] which of the episodes
    ids: Tensor  # [b, t], packed [1, t]
    predicts: Tensor  # [b, t] bool, packed [1, t]: the next id is the agent's own
    targets: Tensor  # [N] the agent's ids
    rollout_logprobs: Tensor  # [N] their log-probabilities in the sampling engine
    row_of_token: Tensor  # [N] index into the whole batch's episodes
    lengths: Tensor  # [b] agent tokens of each episode
    positions: Tensor | None = None  # packed [1, t]: the place of each id in its episode

    def to(self, device: torch.device) -> MicroBatch:
        names = [name for name in self.__dataclass_fields__ if getattr(self, name) is not None]
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


def agent_tokens(episode: Episode) -> int:
    """How many tokens of the episode the agent wrote; they alone carry gradient."""
    return sum(episode.mask)


def micro_batches(episodes: Sequence[Episode], max_tokens: int, *, packed: bool = False) -> list[MicroBatch]:
    """All ``episodes``, longest first (so that memory is at its peak in the first pass), in batches
    of at most ``max_tokens`` ids, padding among them, or one episode where it alone is longer.

    Padded, an episode much shorter than the longest begins another batch: padding is never more than a
    quarter, and no kernel needs to know where one episode ends.
    """
    return batch_units([(episode,) for episode in episodes], max_tokens, packed=packed)


def batch_units(
    units: Sequence[Sequence[Episode]], max_tokens: int, *, packed: bool = False
) -> list[MicroBatch]:
    """The same for ``units`` of k episodes each, which stay together in one batch, in their order.

    ``rows`` and ``row_of_token`` count the episodes of all units from end to end.
    """
    episodes, each = [episode for unit in units for episode in unit], len(units[0]) if units else 0
    make, deal = (_pack, _deal_packed) if packed else (_pad, _deal_padded)
    lengths = [list(map(useful_length, unit)) for unit in units]
    return [
        make(episodes, [index * each + row for index in indices for row in range(each)])
        for indices in deal(lengths, max_tokens)
    ]


def _deal_padded(lengths: Sequence[Sequence[int]], max_tokens: int) -> list[list[int]]:
    """Which units make each batch of rows that are as long as the longest of them."""
    longest = list(map(max, lengths))
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: (-longest[index], index)):
        most = longest[batches[-1][0]] if batches else 0
        padded = (len(batches[-1]) + 1) * len(lengths[index]) * most if batches else 0
        if batches and longest[index] >= SIMILAR * most and padded <= max_tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _deal_packed(lengths: Sequence[Sequence[int]], max_tokens: int) -> list[list[int]]:
    """Which units make each row: the longest first, each into the first row that has room."""
    totals = list(map(sum, lengths))
    batches: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(totals)), key=lambda index: (-totals[index], index)):
        fitting = next((number for number, left in enumerate(room) if left >= totals[index]), None)
        if fitting is None:
            batches.append([index])
            room.append(max_tokens - totals[index])
        else:
            batches[fitting].append(index)
            room[fitting] -= totals[index]
    return batches


def useful_length(episode: Episode) -> int:
    """Ids up to the agent's last token: what follows it cannot change any agent token's loss."""
    mask = episode.mask
    last = len(mask)
    while last and not mask[last - 1]:
        last -= 1
    return last


def _pad(episodes: Sequence[Episode], rows: list[int]) -> MicroBatch:
    parts = [_read(episodes[row]) for row in rows]
    longest = max(len(part[0]) for part in parts)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    rollout_logprobs = torch.zeros(len(rows), longest)
    for slot, part in enumerate(parts):
        length = len(part[0])
        ids[slot, :length], mask[slot, :length], rollout_logprobs[slot, :length] = part
    return _make_batch(rows, ids, mask, rollout_logprobs, mask.sum(1), None)


def _pack(episodes: Sequence[Episode], rows: list[int]) -> MicroBatch:
    parts = [_read(episodes[row]) for row in rows]
    ids, mask, rollout_logprobs = (torch.cat(column)[None] for column in zip(*parts, strict=True))  # [1, t]
    positions = torch.cat([torch.arange(len(part[0])) for part in parts])[None]  # [1, t]
    lengths = torch.stack([own.sum() for _, own, _ in parts])  # [b]
    return _make_batch(rows, ids, mask, rollout_logprobs, lengths, positions)


def _read(episode: Episode) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, mask and log-probabilities up to the useful length, each [length]."""
    length = useful_length(episode)
    return (
        torch.tensor(episode.ids[:length], dtype=torch.long),
        torch.tensor(episode.mask[:length], dtype=torch.bool),
        torch.tensor(episode.logprobs[:length], dtype=torch.float32),
    )


def _make_batch(
    rows: list[int],
    ids: Tensor,
    mask: Tensor,
    rollout_logprobs: Tensor,
    lengths: Tensor,
    positions: Tensor | None,
) -> MicroBatch:
    predicts = torch.zeros_like(mask)
    predicts[:, :-1] = mask[:, 1:]
    row_ids = torch.tensor(rows)
    return MicroBatch(
        rows=row_ids,
        ids=ids,
        predicts=predicts,
        targets=ids[mask],
        rollout_logprobs=rollout_logprobs[mask],
        row_of_token=row_ids.repeat_interleave(lengths),
        lengths=lengths,
        positions=positions,
    )
