"""No argument of any command ends in a traceback: whatever is wrong is a sentence and an exit code."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from selfchal.cli import main
from tests.cli.conftest import Selfchal

HOSTILE = (
    "",
    "nan",
    "inf",
    "-1",
    "0",
    "1e999",
    "..",
    "a" * 5000,
    "/proc/zz/a",
    "/dev/null",
    "/",
    "\U0001f98a",
    "[" * 300,
    "{a: 1, a: 2}",
    "x=.inf",
    "x=[",
    "=",
    "a.b.c=1",
    "\udcff",  # a byte that is no UTF-8, as Python passes it on
)
# What stands in the place of a required argument while another value is the hostile one.
GOOD = {
    "plugins new": ("environment", "own"),
    "plugins show": ("novelty",),
    "plugins check": ("novelty",),
    "sandbox exec": ("process", "code.py"),
    "sandbox check": ("process",),
    "env replay": ("calculation", "calls.jsonl"),
    "env call": ("calculation", "reverse_string", "{}"),
    "tasks judge": ("calculation", "calls.jsonl"),
    "run": ("manifest.yaml",),
    "validate": ("manifest.yaml",),
    "examples": ("quickstart",),
    "eval": ("manifest.yaml",),
}
_LONG = {"run": "--dry-run"}  # options that keep a command from doing what takes long


def _walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    inner = getattr(command, "commands", {})
    if not inner:
        yield path, command
    for name, one in inner.items():
        yield from _walk(one, (*path, name))


def list_commands() -> list[Any]:
    found = []
    for name, (where, _) in main.COMMANDS.items():
        module, _, attribute = where.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        found += [pytest.param(path, one, id=" ".join(path)) for path, one in _walk(command, (name,))]
    return found


def list_calls(path: tuple[str, ...], command: click.Command) -> Iterator[list[str]]:
    """Each hostile value as each argument and as each option, beside others that are good or exist nowhere."""
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    options = [one for one in command.params if isinstance(one, click.Option) and not one.is_flag]
    needed = [part for one in options if one.required for part in (one.opts[0], "out.jsonl")]
    good = GOOD.get(" ".join(path), ("nowhere",) * len(arguments))
    safe = [_LONG[path[0]]] if path[0] in _LONG else []
    for value in HOSTILE:
        for index in range(len(arguments)):
            yield [*path, *safe, *needed, "--", *good[:index], value, *good[index + 1 :]]
        for option in options:
            yield [*path, *safe, *needed, option.opts[0], value, "--", *good]


@pytest.mark.parametrize(("path", "command"), list_commands())
def test_hostile_values_are_sentences(
    path: tuple[str, ...],
    command: click.Command,
    selfchal: Selfchal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("uvicorn.Server.run", lambda server, sockets: None)  # `view` would go on for ever
    (tmp_path / "code.py").write_text("RESULT = 1")
    (tmp_path / "calls.jsonl").write_text("")
    (tmp_path / "manifest.yaml").write_text("environment: {name: calculation}\nmodel: {name: nowhere}\n")
    for call in list_calls(path, command):
        ended = selfchal(*call)
        assert ended.code in (0, 1, 2, 3), call
        assert "Traceback" not in ended.err, call
        assert ended.code != 2 or ended.err.strip(), call
