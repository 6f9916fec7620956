"""The progress display: a watcher like any other, which the command line asks for."""

from __future__ import annotations

from typing import Literal

from selfchal.core.world import Json
from selfchal.pipeline.manifest import Manifest
from selfchal.plugins import load_plugins

PROGRESS = "progress"


def progress_on(
    stream: Literal["stdout", "stderr"], manifest: Manifest | None = None
) -> list[dict[str, Json]]:
    """The sections of the watchers that a command adds: the progress display, drawn on ``stream``.

    It is left out where it is disabled, or where the manifest names it with options of its own.
    """
    named = {choice.name for choice in manifest.watchers} if manifest else set()
    there = PROGRESS in load_plugins().names("watcher") and PROGRESS not in named
    return [{"name": PROGRESS, "stream": stream}] if there else []
