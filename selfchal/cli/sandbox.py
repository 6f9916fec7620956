"""``selfchal sandbox``: run a file in a sandbox, or attack the sandbox itself."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import click

from selfchal.api.opening import open_sandbox
from selfchal.cli.attacks import KindProgress, print_attacks
from selfchal.cli.groups import SuggestingGroup
from selfchal.cli.options import Seconds, plugin_option, read_options
from selfchal.cli.terminal import say, say_json
from selfchal.core.errors import ManifestError
from selfchal.core.sandbox import Execution, Limits, Program
from selfchal.pipeline.missing import describe_missing
from selfchal.text_files import explain_unreadable, read_text_file


@click.group(cls=SuggestingGroup)
def sandbox() -> None:
    """Run code in a sandbox, or attack the sandbox itself."""


_SET = plugin_option("sandbox")


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@sandbox.command("exec")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--timeout", type=Seconds(0.01, 86_400), default=5.0, help="Seconds of wall time.")
@_SET
@_JSON
@click.pass_context
def execute(
    ctx: click.Context, name: str, file: Path, timeout: float, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Run a Python file in the sandbox NAME; its value is what it assigns to RESULT.

    The exit code is 0 when the status is ok, else 1.
    """
    try:
        source = read_text_file(file)
    except FileNotFoundError:
        raise ManifestError(describe_missing(file, "Python file", Path.is_file)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"cannot read {file}: {explain_unreadable(error)}") from error
    with open_sandbox(name, **read_options(overrides)) as opened:
        execution = opened.run(Program(source, result="RESULT"), None, Limits(seconds=timeout))
    _print_execution(execution, as_json)
    ctx.exit(0 if execution.ok else 1)


@sandbox.command("check")
@click.argument("name", default="process")
@_SET
@_JSON
@click.pass_context
def check(ctx: click.Context, name: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Attack the sandbox NAME (default: process) with all that hostile code would try.

    What a sandbox promises nothing about is not tried. A line on stderr tells of each kind of attack as it is
    through. The exit code is 1 when an attack got through.
    """
    from selfchal.testing.attacks.run import all_attacks, run_attacks

    with _end_as_by_exception(), open_sandbox(name, **read_options(overrides)) as opened:
        report = run_attacks(opened, KindProgress(all_attacks()))
    if as_json:
        say_json(report.to_json())
    else:
        print_attacks(report)
    ctx.exit(1 if report.surprises else 0)


@contextlib.contextmanager
def _end_as_by_exception() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind like Ctrl-C does, so that nothing that was started stays behind."""

    def end(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print_execution(execution: Execution, as_json: bool) -> None:
    if as_json:
        row = {
            "status": str(execution.status),
            "value": execution.value,
            "stdout": execution.stdout,
            "error": execution.error,
            "seconds": execution.seconds,
        }
        say_json(row)
        return
    say(execution.stdout, nl=not execution.stdout.endswith("\n") and bool(execution.stdout))
    if execution.error:
        say(execution.error.rstrip("\n"), err=True)
    value = f", RESULT = {json.dumps(execution.value)}" if execution.value is not None else ""
    say(f"[{execution.status} in {execution.seconds:.3f} s{value}]", err=True)
