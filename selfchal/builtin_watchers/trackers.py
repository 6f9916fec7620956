"""Experiment trackers: TensorBoard, Weights & Biases, Trackio.

    watchers: [{name: tensorboard}, {name: wandb, project: my-agent}]

Each is an extra (``pip install 'selfchal[trackio]'``) and is imported when a run makes it. Weights & Biases
stays offline unless WANDB_MODE says otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from selfchal.core.hookspecs import hookimpl
from selfchal.core.requirement import Requirement
from selfchal.core.watcher import RunInfo


class NoOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProjectConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    project: str = Field("selfchal", min_length=1, description="The project that the run is shown in.")


class Tensorboard:
    """TensorBoard's event files, in the run directory's folder tensorboard."""

    name: ClassVar[str] = "tensorboard"
    Config: ClassVar[type[BaseModel]] = NoOptions
    requires: ClassVar[tuple[Requirement, ...]] = tuple(
        Requirement(module, "selfchal[tensorboard]") for module in ("tensorboard", "torch")
    )

    def __init__(self, config: NoOptions) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._open: Any = SummaryWriter
        self._writer: Any = None

    @hookimpl
    def run_started(self, run: RunInfo) -> None:
        assert run.directory is not None, "a manifest's watchers watch runs, and runs are stored"
        self._writer = self._open(str(run.directory / "tensorboard"))

    @hookimpl
    def update_finished(self, stage: str, step: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            self._writer.add_scalar(f"{stage}/{name}", value, step)

    @hookimpl
    def run_ended(self) -> None:
        self._writer.close()


class Wandb:
    """Weights & Biases; offline, with its files in the run directory, unless WANDB_MODE says otherwise."""

    name: ClassVar[str] = "wandb"
    Config: ClassVar[type[BaseModel]] = ProjectConfig
    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("wandb", "selfchal[wandb]"),)

    def __init__(self, config: ProjectConfig) -> None:
        import wandb

        self._wandb, self._project = wandb, config.project
        self._run: Any = None

    @hookimpl
    def run_started(self, run: RunInfo) -> None:
        self._run = self._wandb.init(
            project=self._project,
            name=run.name,
            dir=str(run.directory),
            config=dict(run.manifest),
            mode=os.environ.get("WANDB_MODE", "offline"),  # no account is asked for unless the user wants one
        )

    @hookimpl
    def update_finished(self, stage: str, step: int, metrics: Mapping[str, float]) -> None:
        self._run.log(_name_by_stage(stage, step, metrics))

    @hookimpl
    def run_ended(self) -> None:
        self._run.finish()


class Trackio:
    """Trackio, Hugging Face's tracker that keeps its data on this machine."""

    name: ClassVar[str] = "trackio"
    Config: ClassVar[type[BaseModel]] = ProjectConfig
    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("trackio", "selfchal[trackio]"),)

    def __init__(self, config: ProjectConfig) -> None:
        import trackio

        self._trackio, self._project = trackio, config.project

    @hookimpl
    def run_started(self, run: RunInfo) -> None:
        self._trackio.init(project=self._project, name=run.name, config=dict(run.manifest))

    @hookimpl
    def update_finished(self, stage: str, step: int, metrics: Mapping[str, float]) -> None:
        self._trackio.log(_name_by_stage(stage, step, metrics))

    @hookimpl
    def run_ended(self) -> None:
        self._trackio.finish()


def _name_by_stage(stage: str, step: int, metrics: Mapping[str, float]) -> dict[str, float]:
    """These trackers count steps over all stages by themselves, so the stage's step is one of the values."""
    return {f"{stage}/step": step, **{f"{stage}/{name}": value for name, value in metrics.items()}}
