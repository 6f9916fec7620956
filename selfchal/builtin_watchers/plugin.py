"""Registers the built-in watchers that a manifest can name; ``metrics_file`` is a plugin of its own."""

from __future__ import annotations

from collections.abc import Iterable

from selfchal.builtin_watchers.progress import Progress
from selfchal.builtin_watchers.trackers import Tensorboard, Trackio, Wandb
from selfchal.core.hookspecs import hookimpl
from selfchal.core.watcher import Watcher


@hookimpl
def register_watchers() -> Iterable[type[Watcher]]:
    return [Progress, Tensorboard, Trackio, Wandb]
