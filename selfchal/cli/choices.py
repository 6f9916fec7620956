"""Makes a plugin from its name and ``--set key=value``, for commands that need no whole manifest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfchal.core.manifest import Choice, Kind, PluginSection, apply_overrides, choose
from selfchal.plugins import load_plugins


def choose_plugin(kind: Kind, name: str, overrides: Sequence[str] = ()) -> Choice:
    """The plugin of this kind and name, with its options. Raises PluginError, ManifestError."""
    rows: dict[str, Any] = {}
    apply_overrides(rows, overrides)
    return choose(load_plugins(), kind, PluginSection(**{**rows, "name": name}), name)
