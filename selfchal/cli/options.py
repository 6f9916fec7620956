"""Makes a plugin from its name and ``--set key=value``, for commands that need no whole manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfchal.pipeline.manifest import Choice, Kind, PluginSection, apply_overrides, choose
from selfchal.plugins import load_plugins


def choose_plugin(kind: Kind, name: str, overrides: Sequence[str] = ()) -> Choice:
    """The plugin of this kind and name, with its options. Raises PluginError, ManifestError."""
    rows: dict[str, Any] = {}
    apply_overrides(rows, overrides)
    return choose_section(kind, {**rows, "name": name})


def choose_section(kind: Kind, section: Mapping[str, Any]) -> Choice:
    """The plugin of this kind that a manifest's section names. Raises PluginError, ManifestError."""
    return choose(load_plugins(), kind, PluginSection(**section), section["name"])
