"""Where metrics go besides the store: ``metrics.jsonl`` always; trackio, wandb or tensorboard if asked for.

``run: {loggers: [trackio]}`` is all it takes; each is an extra (``pip install 'selfchal[trackio]'``) and is
imported when the run opens it. wandb stays offline unless WANDB_MODE says otherwise.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from selfchal.core.errors import PluginError, StoreError
from selfchal.core.model import Metrics
from selfchal.core.world import Json
from selfchal.core.write_whole import write_whole

LoggerName = Literal["trackio", "wandb", "tensorboard"]
Log = Callable[[str, int, Metrics], None]  # stage, step, metrics
METRICS = "metrics.jsonl"


def open_loggers(
    names: Sequence[LoggerName], directory: Path, resolved: Mapping[str, Json], closing: ExitStack
) -> Log:
    """One call that tells all of them. Raises PluginError where a logger's package is missing."""
    opened = [_OPENERS[name](directory, resolved, closing) for name in names]

    def log(stage: str, step: int, metrics: Metrics) -> None:
        for one in opened:
            one(stage, step, metrics)

    return log


def write_metrics_file(directory: Path, rows: Sequence[Mapping[str, Json]]) -> None:
    """The metrics of the store as JSON lines, written whole."""
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    write_whole(directory / METRICS, lambda part: part.write_text(text, encoding="utf-8"))


def append_metrics(directory: Path, stage: str, step: int, metrics: Metrics) -> None:
    try:
        with (directory / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"stage": stage, "step": step, **metrics}) + "\n")
    except OSError as error:
        raise StoreError(f"cannot write {METRICS}: {error}; free some space, then --resume") from error


def _open_tensorboard(directory: Path, resolved: Mapping[str, Json], closing: ExitStack) -> Log:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise _raise_missing("tensorboard", error) from error
    writer: Any = SummaryWriter(str(directory / "tensorboard"))
    closing.callback(writer.close)

    def log(stage: str, step: int, metrics: Metrics) -> None:
        for name, value in metrics.items():
            writer.add_scalar(f"{stage}/{name}", value, step)

    return log


def _open_wandb(directory: Path, resolved: Mapping[str, Json], closing: ExitStack) -> Log:
    try:
        import wandb
    except ImportError as error:
        raise _raise_missing("wandb", error) from error
    mode = os.environ.get("WANDB_MODE", "offline")  # no account is asked for unless the user wants one
    run = wandb.init(
        project="selfchal", name=resolved["run"]["name"], dir=str(directory), config=dict(resolved), mode=mode
    )
    closing.callback(run.finish)
    return _get_run_name(run.log)


def _open_trackio(directory: Path, resolved: Mapping[str, Json], closing: ExitStack) -> Log:
    try:
        import trackio
    except ImportError as error:
        raise _raise_missing("trackio", error) from error
    trackio.init(project="selfchal", name=resolved["run"]["name"], config=dict(resolved))
    closing.callback(trackio.finish)
    return _get_run_name(trackio.log)


def _get_run_name(send: Callable[[dict[str, float]], object]) -> Log:
    """Both count steps by themselves, so the step is one of the values."""

    def log(stage: str, step: int, metrics: Metrics) -> None:
        send({f"{stage}/step": step, **{f"{stage}/{name}": value for name, value in metrics.items()}})

    return log


def _raise_missing(name: str, error: ImportError) -> PluginError:
    return PluginError(f"logger {name!r} is not installed ({error}); pip install 'selfchal[{name}]'")


_OPENERS: dict[LoggerName, Callable[[Path, Mapping[str, Json], ExitStack], Log]] = {
    "tensorboard": _open_tensorboard,
    "trackio": _open_trackio,
    "wandb": _open_wandb,
}
