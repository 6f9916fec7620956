"""What the training stage refuses of a trainer, in a whole run with a real store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from selfchal.core.errors import StoreError, TrainingError
from selfchal.core.sandbox import Sandbox
from selfchal.core.trainer import Training
from selfchal.pipeline.loop import run
from selfchal.pipeline.manifest import Choice
from selfchal.pipeline.store import Store
from selfchal.pipeline.watch import Watchers
from tests.patience import SOON
from tests.pipeline.learner import Empty, Learner, Steps, manifest_of


@dataclass
class Marker:
    step: int


def collect_others_with_one_seed(training: Training) -> None:
    training.collect(training.tasks[:1], 2, seed=1)
    training.collect(training.tasks[1:2], 2, seed=1)


def collect_more_with_one_seed(training: Training) -> None:
    training.collect(training.tasks[:1], 2, seed=1)
    training.collect(training.tasks[:1], 3, seed=1)


def collect_the_same_again(training: Training) -> None:
    once = training.collect(training.tasks[:2], 2, seed=1)
    assert training.collect(training.tasks[:2], 2, seed=1) == once


def save_an_object(training: Training) -> None:
    training.progress.save(1, {"marker": Marker(1)})


def save_with_files(training: Training) -> None:
    """A first checkpoint whole, a second one that ends amid its files."""

    def write(directory: Path) -> None:
        directory.mkdir()
        (directory / "part").write_text("whole", encoding="utf-8")

    def write_half(directory: Path) -> None:
        write(directory)
        raise KeyboardInterrupt

    progress = training.progress
    progress.save(1, {"step": 1}, write)
    with pytest.raises(KeyboardInterrupt):
        progress.save(2, {"step": 2}, write_half)
    assert progress.latest() == (1, {"step": 1})
    assert (progress.files_of(1) / "part").read_text(encoding="utf-8") == "whole"
    assert not progress.files_of(2).exists()


def save_while_training_goes_on(training: Training) -> None:
    """A checkpoint that others go on writing counts when they have ended, and the next one waits for it."""
    may_end = Event()

    def begin(directory: Path) -> Callable[[], None]:
        directory.mkdir()

        def wait() -> None:
            assert may_end.wait(SOON)
            (directory / "part").write_text("whole", encoding="utf-8")

        return wait

    progress = training.progress
    progress.save(1, {"step": 1}, begin)
    assert not progress.files_of(1).exists()
    may_end.set()
    progress.save(2, {"step": 2}, begin)
    assert (progress.files_of(1) / "part").exists()
    assert progress.latest() == (2, {"step": 2})


def save_what_others_cannot_write(training: Training) -> None:
    def begin(directory: Path) -> Callable[[], None]:
        directory.mkdir()
        return lambda: (directory / "gone" / "part").touch()

    training.progress.save(1, {"step": 1}, begin)


def run_with(work: Callable[[Training], None], directory: Path, sandbox: Sandbox) -> dict[str, Any]:
    class Working(Steps):
        def train(self, training: Training) -> None:
            work(training)

    manifest = replace(manifest_of(sandbox), trainer=Choice("steps", Working, Empty()))
    with Store.create(directory, manifest.resolved()) as store:
        return run(manifest, store, Watchers())


@pytest.mark.torch
def test_a_checkpoint_counts_once_all_files_of_several_processes_are_there(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    run_with(save_with_files, tmp_path / "run", process_sandbox)
    run_with(save_while_training_goes_on, tmp_path / "second", process_sandbox)


@pytest.mark.torch
def test_a_checkpoint_that_could_not_be_written_behind_the_training_ends_the_run(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    with pytest.raises(StoreError, match=r"cannot write .*step_000001.*go on with --resume"):
        run_with(save_what_others_cannot_write, tmp_path / "run", process_sandbox)
    assert not list((tmp_path / "run" / "checkpoints").glob("**/step_*"))


@pytest.mark.parametrize("work", [collect_others_with_one_seed, collect_more_with_one_seed])
def test_a_seed_that_was_used_for_something_else_is_refused(
    work: Callable[[Training], None], tmp_path: Path, process_sandbox: Sandbox
) -> None:
    with pytest.raises(TrainingError, match="called again with seed 1, for other tasks or another number"):
        run_with(work, tmp_path / "run", process_sandbox)


def test_the_same_call_gives_what_is_stored(tmp_path: Path, process_sandbox: Sandbox) -> None:
    run_with(collect_the_same_again, tmp_path / "run", process_sandbox)


@pytest.mark.torch
def test_a_state_that_could_not_be_read_back_is_refused_when_it_is_saved(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    with pytest.raises(TrainingError, match=r"state\['marker'\] is a .*Marker; a checkpoint holds"):
        run_with(save_an_object, tmp_path / "run", process_sandbox)
    assert not list((tmp_path / "run" / "checkpoints").glob("**/step_*"))


class Measured(Learner):
    """Says how much it has sampled since it was asked last."""

    def measure_sampling(self) -> dict[str, float]:
        return {"sampled_tokens": 7.0, "reward": -1.0}


def test_what_a_model_measures_stands_beside_what_a_trainer_logs(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    manifest = replace(manifest_of(process_sandbox), model=Choice("learner", Measured, Empty()))
    with Store.create(tmp_path / "run", manifest.resolved()) as store:
        run(manifest, store, Watchers())
        rows = [row for row in store.metrics() if "reward" in row]
    assert len(rows) == 3
    assert all(row["sampled_tokens"] == 7 and row["reward"] >= 0 for row in rows), (
        "the trainer has the last word"
    )
