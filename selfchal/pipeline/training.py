"""The training stage: what a trainer is given to collect episodes with, and where it reports and saves."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfchal.core.errors import TrainingError
from selfchal.core.model import Capability, Metrics, TrainableModel
from selfchal.core.task import Task
from selfchal.core.trainer import Collect, Trainer, Training, WriteFiles
from selfchal.core.updating import MeasuresSampling
from selfchal.pipeline.ahead import open_ahead
from selfchal.pipeline.budget import find_exhausted
from selfchal.pipeline.collecting import Collector, Rewrite
from selfchal.pipeline.context import RunContext
from selfchal.pipeline.distributed import TRAIN, signal_workers
from selfchal.pipeline.trainer_state import find_unloadable
from selfchal.write_whole import begin_whole, write_whole

KEPT_CHECKPOINTS = 2
POINTS = "point_*[0-9]"  # weights that the curve is measured with; those that a kill cut short end otherwise
STATE, FILES = "state.pt", "optimizer"  # the second where several processes wrote their parts


def train(
    context: RunContext,
    round_: int,
    tasks: Sequence[Task],
    validation: Sequence[Task],
    rewrite: Rewrite | None,
) -> None:
    """Train the model in place; a round that was trained before only loads its weights."""
    trainer: Trainer = context.trainer.make()
    every = context.manifest.settings.evaluation.every if Capability.GRADIENTS in trainer.needs else None
    recorder = Recorder(context, f"train {round_}", checkpoints_of(context, f"round_{round_}"), every)
    collect = Collector(context, round_, rewrite)
    run_trainer(context, trainer, recorder, tasks, validation, collect, context.seed("train", round_))


def run_trainer(
    context: RunContext,
    trainer: Trainer,
    recorder: Recorder,
    tasks: Sequence[Task],
    validation: Sequence[Task],
    collect: Collect,
    seed: int,
) -> None:
    """Train the model in place, or load what it was trained to before. Raises TrainingError."""
    final = recorder.directory / "final"
    if final.exists():
        recorder.model.load(final)
        return
    if not tasks:
        context.watch.note("no task was kept, so there is nothing to train on; the weights stay as they are")
        return
    context.nodes.measure_update()  # what was done before is no update's
    with context.watch.stage(recorder.stage, None, "updates"):
        signal_workers(TRAIN)
        trainer.train(
            Training(
                model=recorder.model,
                tasks=tasks,
                validation=validation,
                collect=collect,
                progress=recorder,
                seed=seed,
                off_policy=context.teacher is not None and isinstance(collect, Collector),
                ahead=open_ahead(collect) if isinstance(collect, Collector) else None,
            )
        )
        recorder.settle()
    if Capability.GRADIENTS in trainer.needs:
        write_whole(final, recorder.save_model)


def checkpoints_of(context: RunContext, name: str) -> Path:
    return context.store.directory / "checkpoints" / name


def read_metrics(step: int, metrics: Metrics) -> dict[str, float]:
    """Plain numbers; those that are not finite are left out, for JSON has none.

    A trainer may give a number of numpy, or a tensor of one. Raises TrainingError for anything else.
    """
    read = {}
    for name, value in metrics.items():
        try:
            if isinstance(value, str):
                raise TypeError
            read[name] = float(value)
        except (TypeError, ValueError, RuntimeError) as error:
            odd = f"the metric {name!r} of update {step} is {value!r:.80}"
            raise TrainingError(f"{odd}; a trainer logs numbers") from error
    return {name: value for name, value in read.items() if math.isfinite(value)}


@dataclass(frozen=True)
class Recorder:
    """Writes metrics to the store and checkpoints to the run directory, whole or absent after a kill.

    Of every ``every``-th update the weights are kept beside the checkpoints, for the curve.
    """

    context: RunContext
    stage: str
    directory: Path
    every: int | None = None
    _writing: list[Future[None]] = field(default_factory=list)  # the checkpoint that is not there yet

    @property
    def model(self) -> TrainableModel:
        return self.context.trainable_model

    def total(self, steps: int) -> None:
        self.context.watch.progress(0, total=steps)

    def note(self, text: str) -> None:
        self.context.watch.note(text)

    def is_over(self) -> bool:
        exhausted = find_exhausted(self.context)
        if exhausted:
            self.note(f"{exhausted}; training ends here")
        return bool(exhausted)

    def log(self, step: int, metrics: Metrics) -> None:
        sampled = self.model.measure_sampling() if isinstance(self.model, MeasuresSampling) else {}
        read = read_metrics(step, {**sampled, **self.context.nodes.measure_update(), **metrics})
        if self.every and step % self.every == 0:
            write_whole(self.directory / f"point_{step:06d}", self.save_model)
        self.context.store.put_metrics(self.stage, step, read)
        self.context.watch.update_finished(self.stage, step, read)

    def save_model(self, directory: Path) -> None:
        """Write the weights into a directory that is not there yet."""
        directory.mkdir(parents=True)
        self.model.save(directory)

    def save(self, step: int, state: Any, write_files: WriteFiles | None = None) -> None:
        import torch  # a trainer runs, so it is loaded already

        self.settle()
        if found := find_unloadable(state):
            raise TrainingError(
                f"the trainer's state cannot be saved: {found}; a checkpoint holds tensors, numbers, text, "
                "and lists, tuples, sets and dicts of them"
            )

        def begin(directory: Path) -> Callable[[], None] | None:
            self.save_model(directory)
            torch.save(state, directory / STATE)
            return None if write_files is None else write_files(directory / FILES)

        finish = begin_whole(self._directory_of(step), begin)
        if write_files is None:
            self._finish(finish)
        else:
            thread = ThreadPoolExecutor(1, "checkpoint")
            self._writing.append(thread.submit(self._finish, finish))
            thread.shutdown(wait=False)  # it ends with what it was given

    def _finish(self, finish: Callable[[], None]) -> None:
        finish()
        for old in self._list_steps()[:-KEPT_CHECKPOINTS]:
            shutil.rmtree(old)

    def settle(self) -> None:
        """Wait until the last checkpoint is there. Raises StoreError where it could not be written."""
        while self._writing:
            self._writing.pop().result()

    def latest(self) -> tuple[int, Any] | None:
        self.settle()
        steps = self._list_steps()
        if not steps:
            self._discard_updates(0)
            return None
        import torch  # needed by a trainer that saved something, and not by every trainer

        step = int(steps[-1].name.removeprefix("step_"))
        self.model.load(steps[-1])
        self._discard_updates(step)
        self.context.watch.note(f"training goes on after update {step}")
        return step, torch.load(steps[-1] / STATE, map_location="cpu", weights_only=True)

    def files_of(self, step: int) -> Path:
        return self._directory_of(step) / FILES

    def _directory_of(self, step: int) -> Path:
        return self.directory / f"step_{step:06d}"

    def _discard_updates(self, after: int) -> None:
        """Forget the updates that a killed process made after its last checkpoint; they are made again."""
        for step, weights in list_points(self.directory):
            if step > after:
                shutil.rmtree(weights)
        self.context.store.drop_metrics_after(self.stage, after)
        self.context.watch.updates_discarded(self.stage, after)

    def _list_steps(self) -> list[Path]:
        """The updates with a whole checkpoint: the name of one that a kill cut short has another ending."""
        return sorted(self.directory.glob("step_*[0-9]"))


def list_points(directory: Path) -> list[tuple[int, Path]]:
    """The updates of which the weights were kept for the curve, in their order."""
    return [(int(path.name.removeprefix("point_")), path) for path in sorted(directory.glob(POINTS))]
