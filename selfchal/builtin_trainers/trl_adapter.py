"""The file of the offline trainers that knows TRL: its SFT and DPO trainers fed with our episodes, id for id.

TRL's trainers move fast (pyproject pins a minor version). What is relied on here: a dataset that
skips preparation, DPO's ``completion_mask`` and ``ref_*_logps`` batch entries, and the ``on_log``
callback after each optimiser step. Order, learning rate, checkpoints and resuming are ours: the trainer
gets the examples of the updates that are left, in order, and starts from our optimiser state.
"""

from __future__ import annotations

import copy
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # the pin in pyproject is our answer to its warning

import torch
from datasets import Dataset
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedTokenizerFast, PrinterCallback, TrainerCallback
from transformers.utils import logging
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from selfchal.builtin_trainers.batch import micro_batches, useful_length
from selfchal.builtin_trainers.checkpoint import Best, Position, unpack
from selfchal.builtin_trainers.forward import score
from selfchal.builtin_trainers.learner import is_adapted, rate
from selfchal.builtin_trainers.offline import Keeper, OfflineOptions, Schedule
from selfchal.core.episode import Episode
from selfchal.core.trainer import Training

REFERENCE = "ref"  # what TRL calls the adapter it adds


@dataclass
class Job:
    training: Training
    position: Position
    options: OfflineOptions
    steps: int


def fine_tune(job: Job, ordered: Sequence[Episode]) -> None:
    """Train on ``batch_size`` of ``ordered`` an update: the mean over their agent tokens."""
    checkpoint = job.training.progress.latest()
    rows = [_sft_row(episode) for episode in ordered]

    class Trainer(_OurSchedule, SFTTrainer):  # type: ignore[misc]  # TRL has no types
        pass

    arguments = partial(SFTConfig, max_length=None, dataset_kwargs={"skip_prepare_dataset": True})
    _run(job, checkpoint, rows, Trainer, arguments, _collate_sft)


def prefer(job: Job, pairs: Sequence[tuple[Episode, Episode]], order: Sequence[int], beta: float) -> None:
    """Train on ``batch_size`` of ``pairs`` an update. The reference is the policy as it is on entry,
    scored once, so that no second network is held in memory."""
    network = job.training.model.network
    chosen = _episode_logprobs(network, [pair[0] for pair in pairs])
    rejected = _episode_logprobs(network, [pair[1] for pair in pairs])
    checkpoint = job.training.progress.latest()
    rows = [
        {
            "chosen": _ids_and_mask(pairs[place][0]),
            "rejected": _ids_and_mask(pairs[place][1]),
            "ref_chosen_logps": chosen[place],
            "ref_rejected_logps": rejected[place],
        }
        for place in order
    ]

    class Trainer(_OurSchedule, DPOTrainer):  # type: ignore[misc]  # TRL has no types
        """DPOTrainer tokenises text; these three methods let ids and reference scores through."""

        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

        def _set_signature_columns_if_needed(self) -> None:
            self._signature_columns = list(rows[0])

        def _precompute_ref_logps(self, dataset: Any, *_: Any) -> Any:
            return dataset

    arguments = partial(DPOConfig, beta=beta, max_length=None, precompute_ref_log_probs=True)
    _run(job, checkpoint, rows, Trainer, arguments, _collate_pairs)


def _run(
    job: Job, checkpoint: tuple[int, Any] | None, rows: list[Any], trainer: Any, arguments: Any, collate: Any
) -> None:
    network, options = job.training.model.network, job.options
    start = checkpoint[0] if checkpoint else 0
    if checkpoint and start == job.steps:  # killed after the last update
        job.position.best = Best(**checkpoint[1]["best"])
        return
    micro = options.micro_batch or options.batch_size
    with _untouched(network), tempfile.TemporaryDirectory() as scratch:
        trl = trainer(
            model=network,
            args=arguments(
                output_dir=scratch,
                max_steps=job.steps - start,
                per_device_train_batch_size=micro,
                gradient_accumulation_steps=options.batch_size // micro,
                learning_rate=options.learning_rate,
                weight_decay=options.weight_decay,
                max_grad_norm=options.max_grad_norm,
                bf16=options.precision == "bfloat16",
                gradient_checkpointing=network.is_gradient_checkpointing,
                use_cpu=next(network.parameters()).device.type == "cpu",
                train_sampling_strategy="sequential",
                logging_steps=1,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                dataloader_pin_memory=False,
                seed=job.training.seed,
            ),
            train_dataset=Dataset.from_list(rows[start * options.batch_size :]),
            data_collator=collate,
            processing_class=_no_text(),
        )
        trl.rate_at = lambda done: rate(Schedule.of(options, job.steps), start + done + 1)
        keeper = Keeper(job.training, job.position, options, job.steps)
        trl.remove_callback(PrinterCallback)
        trl.add_callback(_Reports(keeper, checkpoint))
        trl.train()


class _OurSchedule:
    """Mixed into a trainer: an update's learning rate is ``rate_at`` of those done in this process."""

    rate_at: Any
    lr_scheduler: Any
    optimizer: Any

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> LambdaLR:
        self.lr_scheduler = LambdaLR(optimizer or self.optimizer, self.rate_at)
        return self.lr_scheduler


class _Reports(TrainerCallback):  # type: ignore[misc]  # transformers is not followed by mypy here
    def __init__(self, keeper: Keeper, checkpoint: tuple[int, Any] | None) -> None:
        self.keeper, self.checkpoint = keeper, checkpoint

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.checkpoint is not None:
            unpack(*self.checkpoint, self.keeper.position, kwargs["optimizer"])

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        logs = kwargs["logs"]
        if "loss" in logs:  # the summary at the end has none
            numbers = {name: float(value) for name, value in logs.items() if isinstance(value, (int, float))}
            self.keeper(numbers, kwargs["optimizer"])


@contextmanager
def _untouched(network: Any) -> Iterator[None]:
    """TRL patches ``forward``, writes its tokenizer's special ids into the configs, announces that, and
    adds a reference adapter beside a LoRA one: undo that."""
    inner = network.get_base_model() if is_adapted(network) else network
    configs = [inner.config.__dict__, inner.generation_config.__dict__]
    before = [copy.deepcopy(config) for config in configs]
    loudness = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.set_verbosity(loudness)
        inner.__dict__.pop("forward", None)
        for config, old in zip(configs, before, strict=True):
            config.clear()
            config.update(old)
        if is_adapted(network) and REFERENCE in network.peft_config:
            network.delete_adapter(REFERENCE)
        network.eval()


def _no_text() -> PreTrainedTokenizerFast:
    """TRL insists on a tokenizer; nothing is tokenised here, so this one knows a single word."""
    from tokenizers import Tokenizer, models

    words = Tokenizer(models.WordLevel({"<pad>": 0}, unk_token="<pad>"))
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<pad>")


def _ids_and_mask(episode: Episode) -> dict[str, list[int]]:
    length = useful_length(episode)
    return {"ids": episode.ids[:length], "mask": episode.mask[:length]}


def _sft_row(episode: Episode) -> dict[str, list[int]]:
    row = _ids_and_mask(episode)
    labels = [token if own else -100 for token, own in zip(row["ids"], row["mask"], strict=True)]
    return {"input_ids": row["ids"], "labels": labels}


def _collate_sft(rows: Sequence[Any]) -> dict[str, Tensor]:
    return {
        "input_ids": _padded([row["input_ids"] for row in rows]),
        "attention_mask": _padded([[1] * len(row["input_ids"]) for row in rows]),
        "labels": _padded([row["labels"] for row in rows], -100),
    }


def _collate_pairs(rows: Sequence[Any]) -> dict[str, Tensor]:
    """[chosen, rejected] on top of each other, as DPOTrainer wants them: 2b rows."""
    sides = [row["chosen"] for row in rows] + [row["rejected"] for row in rows]
    return {
        "input_ids": _padded([side["ids"] for side in sides]),
        "attention_mask": _padded([[1] * len(side["ids"]) for side in sides]),
        "completion_mask": _padded([side["mask"] for side in sides]),
        "ref_chosen_logps": torch.tensor([row["ref_chosen_logps"] for row in rows]),
        "ref_rejected_logps": torch.tensor([row["ref_rejected_logps"] for row in rows]),
    }


def _padded(rows: Sequence[list[int]], value: int = 0) -> Tensor:
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=value)


def _episode_logprobs(network: Any, episodes: Sequence[Episode]) -> list[float]:
    """The log-probability of all agent tokens of each episode."""
    totals = torch.zeros(len(episodes))
    device = next(network.parameters()).device
    with torch.no_grad():
        for batch in micro_batches(episodes, max_tokens=16384):
            scores = score(network, batch.to(device))
            totals.index_add_(0, batch.row_of_token, scores.logprobs.cpu())
    return totals.tolist()  # type: ignore[no-any-return]  # torch is not followed by mypy here
