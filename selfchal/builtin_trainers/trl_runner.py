"""Runs one of TRL's trainers our way: our order, learning rate, checkpoints and resuming.

The trainer gets the examples of the updates that are left, in order, and starts from our optimiser
state. What is relied on in TRL (pyproject pins a minor version): ``create_scheduler``, the
``on_step_begin`` and ``on_log`` callbacks, and that it trains the network that it is given.
"""

from __future__ import annotations

import copy
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from datasets import Dataset
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedTokenizerFast, PrinterCallback, TrainerCallback
from transformers.utils import logging

from selfchal.builtin_trainers.checkpoint import Best, TrainState, unpack, validate_start
from selfchal.builtin_trainers.forward import is_adapted, unwrap_adapter
from selfchal.builtin_trainers.offline import CheckpointCallback, OfflineOptions, Schedule, order, updates
from selfchal.builtin_trainers.optim import rate_fraction
from selfchal.core.trainer import Training
from selfchal.core.updating import updating

REFERENCE = "ref"  # what TRL calls the adapter it adds


class TrlOptions(Protocol):
    """See ``RftConfig`` for their meaning."""

    learning_rate: float
    schedule: Any
    warmup_steps: int
    weight_decay: float
    max_grad_norm: float
    precision: Any
    checkpoint_every: int
    validation_samples: int


@dataclass
class Job:
    training: Training
    state: TrainState
    options: TrlOptions
    steps: int
    rolls_out: bool = False  # for each update, so that the run's budget may end the training
    extra: dict[str, float] = field(default_factory=dict)  # metrics to log beside TRL's


@dataclass(frozen=True)
class Sizes:
    """Of one update: rows of the dataset, examples, and examples in a forward pass."""

    rows: int
    batch: int
    micro: int


def plan_updates(
    training: Training, state: TrainState, options: OfflineOptions, examples: int
) -> tuple[Job, list[int]]:
    """The job of learning from so many examples, and which of them each update takes, in order."""
    steps = updates(options, examples)
    training.progress.total(steps)
    taken = order(examples, steps * options.batch_size, training.seed)
    return Job(training, state, options, steps), taken


def run(
    job: Job,
    checkpoint: tuple[int, Any] | None,
    rows: list[dict[str, Any]],
    sizes: Sizes,
    trainer: Any,
    arguments: Any,
    **parts: Any,
) -> None:
    """``rows``: the whole training's, in order. To be called inside ``preserving_network``."""
    network, options = job.training.model.network, job.options
    start = checkpoint[0] if checkpoint else 0
    if checkpoint and start == job.steps:  # killed after the last update
        job.state.best = Best(**checkpoint[1]["best"])
        return
    if checkpoint is None:
        validate_start(job.training, job.state, options.validation_samples)
    with tempfile.TemporaryDirectory() as scratch:
        trl = trainer(
            model=network,
            args=arguments(
                output_dir=scratch,
                max_steps=job.steps - start,
                per_device_train_batch_size=sizes.micro,
                gradient_accumulation_steps=sizes.batch // sizes.micro,
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
            train_dataset=Dataset.from_list(rows[start * sizes.rows :]),
            processing_class=no_text(),
            **parts,
        )
        trl.rate_at = lambda done: rate_fraction(Schedule.of(options, job.steps), start + done + 1)
        trl.remove_callback(PrinterCallback)
        trl.add_callback(_Reports(job, checkpoint))
        with updating(job.training.model):
            trl.train()


class OurSchedule:
    """Mixed into a trainer: an update's learning rate is ``rate_at`` of those done in this process."""

    rate_at: Any
    lr_scheduler: Any
    optimizer: Any

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> LambdaLR:
        schedule = LambdaLR(optimizer or self.optimizer, self.rate_at)
        self.lr_scheduler = schedule
        return schedule


class _Reports(TrainerCallback):
    def __init__(self, job: Job, checkpoint: tuple[int, Any] | None) -> None:
        self.job, self.checkpoint = job, checkpoint
        self.callback = CheckpointCallback(job.training, job.state, job.options, job.steps)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Not on_train_begin: setting up the data loader still draws random numbers after that."""
        if self.checkpoint is not None:
            unpack(*self.checkpoint, self.job.state, kwargs["optimizer"])
            self.checkpoint = None

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        logs = kwargs["logs"]
        if "loss" in logs:  # the summary at the end has none
            numbers = {name: float(value) for name, value in logs.items() if isinstance(value, (int, float))}
            over = self.job.rolls_out and self.job.training.progress.is_over()
            control.should_training_stop = control.should_training_stop or over
            self.callback(numbers | self.job.extra, kwargs["optimizer"], last=over)


@contextmanager
def preserving_network(network: Any) -> Iterator[None]:
    """Undoes what TRL does besides training: it patches ``forward``, writes its tokenizer's special ids
    into the configs, announces that, and adds a reference adapter beside a LoRA one.

    Inside, trainable weights are float32 (see ``Optimizer`` for why), so checkpoints belong inside too.
    """
    inner = unwrap_adapter(network)
    configs = [inner.config.__dict__, inner.generation_config.__dict__]
    before = [copy.deepcopy(config) for config in configs]
    narrow = [(p, p.dtype) for p in network.parameters() if p.requires_grad and p.dtype != torch.float32]
    for parameter, _ in narrow:
        parameter.data = parameter.data.float()
    loudness = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            # TRL asks by transformers' old names, which only TRL can mend.
            warnings.filterwarnings("ignore", message="`(is_)?gradient_checkpointing` is deprecated")
            yield
    finally:
        logging.set_verbosity(loudness)
        for parameter, dtype in narrow:
            parameter.data = parameter.data.to(dtype)
        inner.__dict__.pop("forward", None)
        for config, kept in zip(configs, before, strict=True):
            config.clear()
            config.update(kept)
        if is_adapted(network) and REFERENCE in network.peft_config:
            network.delete_adapter(REFERENCE)
        network.eval()


def no_text() -> PreTrainedTokenizerFast:
    """TRL insists on a tokenizer; nothing is tokenised here, so this one knows a single word."""
    from tokenizers import Tokenizer, models

    words = Tokenizer(models.WordLevel({"<pad>": 0}, unk_token="<pad>"))
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<pad>")
