"""The watcher contract: what is told of a run to a progress display, an experiment tracker, a notifier.

There are two ways to watch. A plugin's module implements hooks of ``selfchal.core.hookspecs`` as functions
and then hears of every run. Or a plugin registers a class that a manifest asks for by name and gives options
(``watchers: [{name: wandb, project: mine}]``); its methods implement the same hooks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from selfchal.core.world import Json


@dataclass(frozen=True)
class RunInfo:
    """Which run a hook speaks of. ``manifest`` has every default filled in.

    ``directory`` is None where nothing is stored (the oracle is measured).
    """

    name: str
    directory: Path | None
    manifest: Mapping[str, Json]


class Watcher(Protocol):
    """A watcher with options. It marks any of the hooks that watch with ``hookimpl``, as methods."""

    name: ClassVar[str]
    Config: ClassVar[type[BaseModel]]

    def __init__(self, config: Any) -> None:
        """Cheap: it is made before anything else is loaded."""
