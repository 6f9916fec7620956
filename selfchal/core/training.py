"""The training stage: what a trainer is given to collect episodes with, and where it reports and saves."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfchal.core.episode import Episode, Group
from selfchal.core.errors import StoreError
from selfchal.core.following import TRAIN, tell_followers
from selfchal.core.lab import Lab
from selfchal.core.loggers import append_metrics, write_metrics_file
from selfchal.core.model import Capability, Metrics, TrainableModel
from selfchal.core.rollout import Engine
from selfchal.core.task import Task
from selfchal.core.trainer import Collect, Trainer, Training

KEPT_CHECKPOINTS = 2
STATE = "state.pt"
Rewrite = Callable[[Sequence[Episode]], None]  # changes rewards in place; for controls


def train(
    lab: Lab, round_: int, tasks: Sequence[Task], validation: Sequence[Task], rewrite: Rewrite | None
) -> None:
    """Train the model in place; a round that was trained before only loads its weights."""
    recorder = Recorder(lab, f"train {round_}", checkpoints_of(lab, f"round_{round_}"))
    collect = Collector(lab, round_, rewrite)
    trainer: Trainer = lab.manifest.trainer.make()
    run_trainer(lab, trainer, recorder, tasks, validation, collect, lab.seed("train", round_))


def run_trainer(
    lab: Lab,
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
        lab.watcher.note("no task was kept, so there is nothing to train on; the weights stay as they are")
        return
    lab.watcher.stage(recorder.stage, None, "updates")
    tell_followers(TRAIN)
    trainer.train(
        Training(
            model=recorder.model,
            tasks=tasks,
            validation=validation,
            collect=collect,
            progress=recorder,
            seed=seed,
            foreign=lab.teacher is not None and isinstance(collect, Collector),
        )
    )
    if Capability.GRADIENTS in trainer.needs:
        _write_whole(final, recorder.model.save)


def checkpoints_of(lab: Lab, name: str) -> Path:
    return lab.store.directory / "checkpoints" / name


@dataclass(frozen=True)
class Collector:
    """Rolls tasks out with the present weights (or the teacher's) and stores the groups."""

    lab: Lab
    round: int
    rewrite: Rewrite | None = None

    def __call__(self, tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        lab, key = self.lab, f"{self.round}/{seed:010d}"
        if not lab.store.has("train", key):
            rollout = lab.manifest.settings.rollout
            sampling = lab.sampling(rollout.temperature, lab.seed("collect", self.round, seed))
            engine = Engine(lab.teacher or lab.model, sampling, rollout.batch, rollout.lockstep)
            scenes = [lab.task_scene(task) for task in tasks for _ in range(samples)]
            episodes = engine.roll(scenes, [n for _ in tasks for n in range(samples)])
            if self.rewrite:
                self.rewrite(episodes)
            lab.store.put_episodes("train", key, episodes)
            lab.hooks.episodes_finished("train", episodes)
        stored = list(lab.store.episodes("train", key))
        return [Group(tasks[i].id, tuple(stored[i * samples : (i + 1) * samples])) for i in range(len(tasks))]


@dataclass(frozen=True)
class Recorder:
    """Metrics into the store, checkpoints into the run directory; each is whole or absent after a kill."""

    lab: Lab
    stage: str
    directory: Path

    @property
    def model(self) -> TrainableModel:
        model: TrainableModel = self.lab.model  # type: ignore[assignment]  # its capabilities were validated
        return model

    def total(self, steps: int) -> None:
        self.lab.watcher.stage(self.stage, steps, "updates")

    def note(self, text: str) -> None:
        self.lab.watcher.note(text)

    def log(self, step: int, metrics: Metrics) -> None:
        self.lab.store.put_metrics(self.stage, step, metrics)
        append_metrics(self.lab.store.directory, self.stage, step, metrics)
        self.lab.log(self.stage, step, metrics)
        self.lab.watcher.metrics(step, metrics)
        self.lab.hooks.update_finished(step, dict(metrics))

    def save(self, step: int, state: Any) -> None:
        import torch  # a trainer runs, so it is loaded already

        def write(directory: Path) -> None:
            self.model.save(directory)
            torch.save(state, directory / STATE)

        _write_whole(self.directory / f"step_{step:06d}", write)
        for old in self._steps()[:-KEPT_CHECKPOINTS]:
            shutil.rmtree(old)

    def latest(self) -> tuple[int, Any] | None:
        import torch

        steps = self._steps()
        if not steps:
            return None
        step = int(steps[-1].name.removeprefix("step_"))
        self.model.load(steps[-1])
        self.lab.store.drop_metrics_after(self.stage, step)
        write_metrics_file(self.lab.store.directory, self.lab.store.metrics())
        self.lab.watcher.note(f"training goes on after update {step}")
        return step, torch.load(steps[-1] / STATE, weights_only=True)

    def _steps(self) -> list[Path]:
        return sorted(path for path in self.directory.glob("step_*") if path.suffix != ".part")


def _write_whole(directory: Path, write: Callable[[Path], None]) -> None:
    """Write a directory so that after a kill it is there whole or not at all."""
    part = directory.with_name(f"{directory.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        write(part)
        shutil.rmtree(directory, ignore_errors=True)
        part.rename(directory)
    except OSError as error:
        raise StoreError(f"cannot write {directory}: {error}; free some space, then --resume") from error
