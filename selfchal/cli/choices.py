"""Makes plugins from names and options, for commands that need no whole manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from selfchal.core.errors import ManifestError
from selfchal.pipeline.manifest import (
    CheckSection,
    Choice,
    Kind,
    PluginSection,
    apply_overrides,
    choose,
    choose_checks,
    parse_config,
)
from selfchal.plugins import load_plugins


def choose_plugin(kind: Kind, name: str, overrides: Sequence[str] = ()) -> Choice:
    """The plugin of this kind and name, with its options. Raises PluginError, ManifestError."""
    rows: dict[str, Any] = {}
    apply_overrides(rows, overrides)
    return choose_section(kind, {**rows, "name": name})


def choose_section(kind: Kind, section: Mapping[str, Any]) -> Choice:
    """The plugin of this kind that a manifest's section names. Raises PluginError, ManifestError."""
    return choose(load_plugins(), kind, PluginSection(**section), section["name"])


def choose_judges_checks(sections: Sequence[str]) -> tuple[Choice, ...]:
    """The checks that judge: the standard ones, as these sections of a manifest set them or add to them. A
    name alone stands for a section. Raises PluginError, ManifestError."""
    rows = [_parse_section(text) for text in sections]
    chosen: list[CheckSection] = [
        parse_config(CheckSection, row, f"--check {i}") for i, row in enumerate(rows)
    ]
    return choose_checks(load_plugins(), chosen, "--check")


def _parse_section(text: str) -> dict[str, Any]:
    try:
        row = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ManifestError(f"--check {text}: it is not valid YAML: {error}") from error
    if isinstance(row, str):
        return {"name": row}
    if not isinstance(row, dict):
        raise ManifestError(f"--check {text}: write a check's name, or {{name: NAME, OPTION: VALUE}}")
    return row
