"""Adds the progress display to those who watch: a plugin like any other, which the command line asks for."""

from __future__ import annotations

from typing import Literal

from selfchal.cli.choices import choose_plugin
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.watch import Watchers
from selfchal.plugins import Plugins

PROGRESS = "progress"


def watchers_of(
    plugins: Plugins, stream: Literal["stdout", "stderr"], manifest: Manifest | None = None
) -> Watchers:
    """The installed plugins, and the progress display, drawn on ``stream``.

    It is left out where it is disabled, or where the manifest names it with options of its own.
    """
    watchers = plugins.watchers()
    named = {choice.name for choice in manifest.watchers} if manifest else set()
    if PROGRESS in plugins.names("watcher") and PROGRESS not in named:
        choice = choose_plugin("watcher", PROGRESS, [f"stream={stream}"])
        watchers.add(choice.make(), f"watcher {PROGRESS!r}")
    return watchers
