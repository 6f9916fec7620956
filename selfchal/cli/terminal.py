"""The only way that a command writes to the terminal: whatever a model wrote is made plain first."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import click

from selfchal.core.world import Json
from selfchal.plain_text import make_plain

if TYPE_CHECKING:
    from rich.console import Console

_LABEL = re.compile(r" *\S.*?  +(?=\S)")  # two blanks end what a row is called
_NARROWEST = 25  # columns of text beside a label


def say(text: str, *, err: bool = False, nl: bool = True, **style: Any) -> None:
    """A text on stdout, or on stderr; ``style`` is that of ``click.style``."""
    click.secho(make_plain(text), err=err, nl=nl, **style)


def printing_on_stderr() -> contextlib.AbstractContextManager[object]:
    """Within it what anybody prints goes to stderr, so that stdout holds what it is for."""
    return contextlib.redirect_stdout(sys.stderr)


def say_listing(text: str, *, columns: int | None = None, err: bool = False, **style: Any) -> None:
    """Lines of a list or of prose on stdout, wrapped to the terminal; as they are in a file or a pipe, where
    programs read them. ``columns`` wraps them there too."""
    say(wrap_lines(text, find_columns() or columns), err=err, **style)


def find_columns() -> int | None:
    """How wide the terminal is, or as wide as COLUMNS says; None where the output goes elsewhere."""
    if said := os.environ.get("COLUMNS", ""):
        return (int(said) if said.isdecimal() else 0) or None
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError):  # no terminal; closed, or no file
        return None


def wrap_lines(text: str, columns: int | None) -> str:
    """Each line wrapped. What follows a label stays beside it, or goes below it where that is too narrow."""
    if columns is None:
        return text
    return "\n".join(_wrap_line(line, columns) for line in text.split("\n"))


def _wrap_line(line: str, columns: int) -> str:
    if len(line) <= columns:
        return line
    label = match[0] if (match := _LABEL.match(line)) else ""
    indent = " " * (len(line) - len(line.lstrip()))
    if label and columns - len(label) < _NARROWEST:
        below = f"{indent}    "
        return f"{label.rstrip()}\n{_fill(line.removeprefix(label), columns, below, below)}"
    return _fill(line.removeprefix(label), columns, label or indent, " " * len(label) or indent)


def _fill(text: str, columns: int, first: str, later: str) -> str:
    """Paths, addresses and commands in one word stay whole, so that they can be copied."""
    return textwrap.fill(
        text.strip(),
        columns,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )


def say_json(value: Json, indent: int | None = None) -> None:
    """A value on stdout; JSON's escapes leave nothing that a terminal could take for a command."""
    click.echo(json.dumps(value, indent=indent))


def say_on(console: Console, text: str) -> None:
    """A line on a console that also shows tables."""
    shown = make_plain(wrap_lines(text, find_columns()))
    console.print(shown, highlight=False, markup=False, soft_wrap=True)


def open_console(*, err: bool = False) -> Console:
    """A console for tables."""
    from rich.console import Console  # not needed for --help, which must answer at once

    return Console(file=sys.stderr if err else sys.stdout)
