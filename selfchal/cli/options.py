"""``--set key=value`` for commands that take a plugin's name and no manifest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from selfchal.pipeline.manifest import apply_overrides


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
