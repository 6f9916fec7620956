"""Options of commands that take a plugin's name and no manifest."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import click

from selfchal.core.errors import ManifestError
from selfchal.pipeline.manifest import apply_overrides
from selfchal.pipeline.yaml_text import YamlTextError, read_yaml


class Seconds(click.FloatRange):
    """A time that ends: FloatRange lets pass what is no number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return seconds


def plugin_option(kind: str) -> Callable[[click.decorators.FC], click.decorators.FC]:
    """The option ``--set`` of a command, for the options of its plugin of this kind."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help=f"An option of the {kind}; as often as wanted.",
    )


def read_options(overrides: Sequence[str]) -> dict[str, Any]:
    """The options that these overrides set. Raises ManifestError for one that is not KEY=VALUE."""
    options: dict[str, Any] = {}
    apply_overrides(options, overrides)
    return options


def read_check(text: str) -> dict[str, Any]:
    """The section of a manifest's checks in a text; a name alone stands for one. Raises ManifestError."""
    try:
        row = read_yaml(text)
    except YamlTextError as error:
        raise ManifestError(f"--check {text}: it is not valid YAML: {error}") from error
    if isinstance(row, str):
        return {"name": row}
    if not isinstance(row, dict):
        raise ManifestError(f"--check {text}: write a check's name, or {{name: NAME, OPTION: VALUE}}")
    return row
