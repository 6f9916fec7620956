"""The only way that a command writes to the terminal: whatever a model wrote is made plain first."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from selfchal.core.world import Json
from selfchal.plain_text import make_plain

if TYPE_CHECKING:
    from rich.console import Console


def say(text: str, *, err: bool = False, nl: bool = True, **style: Any) -> None:
    """A text on stdout, or on stderr; ``style`` is that of ``click.style``."""
    click.secho(make_plain(text), err=err, nl=nl, **style)


def say_json(value: Json, indent: int | None = None) -> None:
    """A value on stdout; JSON's escapes leave nothing that a terminal could take for a command."""
    click.echo(json.dumps(value, indent=indent))


def say_on(console: Console, text: str) -> None:
    """A line on a console that also shows tables."""
    console.print(make_plain(text), highlight=False, markup=False, soft_wrap=True)


def open_console(*, err: bool = False) -> Console:
    """A console for tables."""
    from rich.console import Console  # not needed for --help, which must answer at once

    return Console(file=sys.stderr if err else sys.stdout)
