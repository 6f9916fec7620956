"""TRL's SFT and DPO trainers fed with our episodes, id for id.

What is relied on here: a dataset that skips preparation, and DPO's ``completion_mask`` and
``ref_*_logps`` batch entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from selfchal.builtin_trainers.batch import micro_batches, useful_length
from selfchal.builtin_trainers.forward import score
from selfchal.builtin_trainers.offline import OfflineOptions
from selfchal.builtin_trainers.trl_runner import Job, OurSchedule, Sizes, preserving_network, run
from selfchal.core.episode import Episode


class _Sft(OurSchedule, SFTTrainer):  # type: ignore[misc]  # TRL has no types
    pass


class _Dpo(OurSchedule, DPOTrainer):  # type: ignore[misc]  # TRL has no types
    """DPOTrainer tokenises text; these three methods let ids and reference scores through."""

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["chosen", "rejected", "ref_chosen_logps", "ref_rejected_logps"]

    def _precompute_ref_logps(self, dataset: Any, *_: Any) -> Any:
        return dataset


def fine_tune(job: Job, options: OfflineOptions, ordered: Sequence[Episode]) -> None:
    """Train on ``batch_size`` of ``ordered`` an update: the mean over their agent tokens."""
    arguments = partial(SFTConfig, max_length=None, dataset_kwargs={"skip_prepare_dataset": True})
    with preserving_network(job.training.model.network):
        checkpoint = job.training.progress.latest()
        rows = [_make_sft_row(episode) for episode in ordered]
        sizes = _compute_sizes(options, max(map(useful_length, ordered)))
        run(job, checkpoint, rows, sizes, _Sft, arguments, data_collator=_collate_sft)


def prefer(
    job: Job,
    options: OfflineOptions,
    pairs: Sequence[tuple[Episode, Episode]],
    order: Sequence[int],
    beta: float,
) -> None:
    """Train on ``batch_size`` of ``pairs`` an update. The reference is the policy as it is on entry,
    scored once, so that no second network is held in memory."""
    network = job.training.model.network
    arguments = partial(DPOConfig, beta=beta, max_length=None, precompute_ref_log_probs=True)
    with preserving_network(network):
        chosen = _compute_logprobs(network, [pair[0] for pair in pairs])
        rejected = _compute_logprobs(network, [pair[1] for pair in pairs])
        checkpoint = job.training.progress.latest()
        rows = [
            {
                "chosen": _split_ids_and_mask(pairs[index][0]),
                "rejected": _split_ids_and_mask(pairs[index][1]),
                "ref_chosen_logps": chosen[index],
                "ref_rejected_logps": rejected[index],
            }
            for index in order
        ]
        sizes = _compute_sizes(options, 2 * max(useful_length(episode) for pair in pairs for episode in pair))
        run(job, checkpoint, rows, sizes, _Dpo, arguments, data_collator=_collate_pairs)


def _compute_sizes(options: OfflineOptions, tokens: int) -> Sizes:
    """TRL takes as many examples in every pass: as many as fit where each has ``tokens``, its most."""
    batch = options.batch_size
    fitting = [n for n in range(1, batch + 1) if batch % n == 0 and n * tokens <= options.micro_batch_tokens]
    return Sizes(batch, batch, max(fitting, default=1))


def _split_ids_and_mask(episode: Episode) -> dict[str, list[int]]:
    length = useful_length(episode)
    return {"ids": episode.ids[:length], "mask": episode.mask[:length]}


def _make_sft_row(episode: Episode) -> dict[str, list[int]]:
    row = _split_ids_and_mask(episode)
    labels = [token if own else -100 for token, own in zip(row["ids"], row["mask"], strict=True)]
    return {"input_ids": row["ids"], "labels": labels}


def _collate_sft(rows: Sequence[Any]) -> dict[str, Tensor]:
    return {
        "input_ids": _pad([row["input_ids"] for row in rows]),
        "attention_mask": _pad([[1] * len(row["input_ids"]) for row in rows]),
        "labels": _pad([row["labels"] for row in rows], -100),
    }


def _collate_pairs(rows: Sequence[Any]) -> dict[str, Tensor]:
    """[chosen, rejected] on top of each other, as DPOTrainer wants them: 2b rows."""
    sides = [row["chosen"] for row in rows] + [row["rejected"] for row in rows]
    return {
        "input_ids": _pad([side["ids"] for side in sides]),
        "attention_mask": _pad([[1] * len(side["ids"]) for side in sides]),
        "completion_mask": _pad([side["mask"] for side in sides]),
        "ref_chosen_logps": torch.tensor([row["ref_chosen_logps"] for row in rows]),
        "ref_rejected_logps": torch.tensor([row["ref_rejected_logps"] for row in rows]),
    }


def _pad(rows: Sequence[list[int]], value: int = 0) -> Tensor:
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=value)


def _compute_logprobs(network: Any, episodes: Sequence[Episode]) -> list[float]:
    """The log-probability of all agent tokens of each episode."""
    totals = torch.zeros(len(episodes))
    device = next(network.parameters()).device
    with torch.no_grad():
        for batch in micro_batches(episodes, max_tokens=16384):
            scores = score(network, batch.to(device))
            totals.index_add_(0, batch.row_of_token, scores.logprobs.cpu())
    return totals.tolist()
