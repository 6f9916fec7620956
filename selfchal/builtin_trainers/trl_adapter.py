"""TRL's DPO and KTO trainers fed with our episodes, id for id.

What is relied on here: a dataset that skips preparation, and the batch entries ``completion_mask``,
``ref_*_logps`` (DPO), ``ref_logps`` and ``KL_*`` (KTO).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer

from selfchal.builtin_trainers.batch import micro_batches, useful_length
from selfchal.builtin_trainers.forward import score
from selfchal.builtin_trainers.kto.algorithm import mix_episodes
from selfchal.builtin_trainers.offline import OfflineOptions
from selfchal.builtin_trainers.trl_runner import Job, OurSchedule, Sizes, preserving_network, run
from selfchal.core.episode import Episode
from selfchal.core.updating import updating


class _Dpo(OurSchedule, DPOTrainer):  # type: ignore[misc]  # TRL has no types
    """DPOTrainer tokenises text; these three methods let ids and reference scores through."""

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["chosen", "rejected", "ref_chosen_logps", "ref_rejected_logps"]

    def _precompute_ref_logps(self, dataset: Any, *_: Any) -> Any:
        return dataset


class _Kto(OurSchedule, KTOTrainer):  # type: ignore[misc]  # TRL has no types
    """KTOTrainer tokenises text; these three methods let ids and reference scores through."""

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["own", "mixed", "label", "ref_logps", "ref_KL_logps"]

    def _precompute_ref_logps(self, dataset: Any, *_: Any) -> Any:
        return dataset


def prefer(
    job: Job,
    options: OfflineOptions,
    pairs: Sequence[tuple[Episode, Episode]],
    order: Sequence[int],
    fields: Mapping[str, Any],
) -> None:
    """Train on ``batch_size`` of ``pairs`` an update. The reference is the policy as it is on entry,
    scored once, so that no second network is held in memory. ``fields`` of TRL's DPOConfig."""
    network = job.training.model.network
    arguments = partial(DPOConfig, max_length=None, precompute_ref_log_probs=True, **fields)
    with preserving_network(network):
        with updating(job.training.model):
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


def tell_apart(
    job: Job,
    options: OfflineOptions,
    episodes: Sequence[Episode],
    order: Sequence[int],
    fields: Mapping[str, Any],
) -> None:
    """Train on ``batch_size`` of ``episodes`` an update, each passed or failed. The reference is the policy
    as it is on entry, scored once. ``fields`` of TRL's KTOConfig.
    """
    network = job.training.model.network
    arguments = partial(KTOConfig, max_length=None, precompute_ref_log_probs=True, **fields)
    with preserving_network(network):
        mixed = mix_episodes(episodes, job.training.seed)
        with updating(job.training.model):
            own_scores, other_scores = (_compute_logprobs(network, some) for some in (episodes, mixed))
        checkpoint = job.training.progress.latest()
        rows = [
            {
                "own": _split_ids_and_mask(episodes[index]),
                "mixed": _split_ids_and_mask(mixed[index]),
                "label": (episodes[index].reward or 0.0) >= 1,
                "ref_logps": own_scores[index],
                "ref_KL_logps": other_scores[index],
            }
            for index in order
        ]
        sizes = _compute_sizes(options, 2 * max(map(useful_length, episodes)))
        run(job, checkpoint, rows, sizes, _Kto, arguments, data_collator=_collate_unpaired)


def _compute_sizes(options: OfflineOptions, tokens: int) -> Sizes:
    """TRL takes as many examples in every pass: as many as fit where each has ``tokens``, its most."""
    batch = options.batch_size
    fitting = [n for n in range(1, batch + 1) if batch % n == 0 and n * tokens <= options.micro_batch_tokens]
    return Sizes(batch, batch, max(fitting, default=1))


def _split_ids_and_mask(episode: Episode) -> dict[str, list[int]]:
    length = useful_length(episode)
    return {"ids": episode.ids[:length], "mask": episode.mask[:length]}


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


def _collate_unpaired(rows: Sequence[Any]) -> dict[str, Tensor]:
    own, mixed = ([row[name] for row in rows] for name in ("own", "mixed"))
    return {
        "input_ids": _pad([side["ids"] for side in own]),
        "attention_mask": _pad([[1] * len(side["ids"]) for side in own]),
        "completion_mask": _pad([side["mask"] for side in own]),
        "KL_input_ids": _pad([side["ids"] for side in mixed]),
        "KL_attention_mask": _pad([[1] * len(side["ids"]) for side in mixed]),
        "KL_completion_mask": _pad([side["mask"] for side in mixed]),
        "label": torch.tensor([row["label"] for row in rows]),
        "ref_logps": torch.tensor([row["ref_logps"] for row in rows]),
        "ref_KL_logps": torch.tensor([row["ref_KL_logps"] for row in rows]),
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
