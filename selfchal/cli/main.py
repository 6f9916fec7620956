"""The program ``selfchal``: its commands by name, and how every failure ends.

``selfchal --help`` must answer at once, so commands are imported only when they are called, and their
one-line helps stand here. Exit codes: 0 done, 1 a check found something, 2 the user can mend it, 3 too much
of a score could not be judged, 130 stopped by Ctrl-C. Anything else that escapes is a bug and keeps its
traceback.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from selfchal.cli.groups import SuggestingGroup
from selfchal.cli.terminal import say
from selfchal.core.errors import SelfchalError

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("selfchal.cli.run:run", "Run a manifest: challenge, judge, train, evaluate, report."),
    "init": ("selfchal.cli.init:init", "Put an example into a folder, ready to be run."),
    "examples": (
        "selfchal.cli.examples:examples",
        "List the examples, manifests and Python files, or write one.",
    ),
    "validate": (
        "selfchal.cli.manifest:validate_file",
        "Check whether a manifest would start here, without loading a model.",
    ),
    "eval": ("selfchal.cli.evaluate:evaluate", "Measure a run's model on the held-out test tasks."),
    "report": ("selfchal.cli.report:report", "Write a run's report as one HTML page."),
    "view": ("selfchal.cli.view:view", "Show runs in a browser, live, from this machine alone."),
    "tasks": ("selfchal.cli.task_commands:tasks", "List, show, export or judge tasks."),
    "audit": ("selfchal.cli.audit:audit", "Say what is wrong with anybody's tasks."),
    "episodes": ("selfchal.cli.episodes:episodes", "List, show or export a run's episodes."),
    "runs": ("selfchal.cli.runs:runs", "List runs, or compare them."),
    "sandbox": ("selfchal.cli.sandbox:sandbox", "Run code in a sandbox, or attack the sandbox itself."),
    "env": ("selfchal.cli.env:env", "Call an environment's tools without a model, or serve them."),
    "mcp": ("selfchal.cli.mcp:mcp", "Inspect your MCP servers, and try what tasks they are good for."),
    "plugins": ("selfchal.cli.plugins:plugins", "List, show and check plugins, or start one of your own."),
    "schema": ("selfchal.cli.manifest:schema", "Print the JSON schema of manifests, for editors."),
    "doctor": (
        "selfchal.cli.doctor:doctor",
        "Say what this machine can do, and whether its GPUs have room for a manifest.",
    ),
}

DEBUG_VARIABLE = "SELFCHAL_DEBUG"  # where it is set, errors come with their traceback
_OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT)
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_SUCH_PATH = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EEXIST)


class LazyGroup(SuggestingGroup):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="selfchal", prog_name="selfchal")
@click.option(
    "--plugin",
    "plugin_files",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE.py",
    help="Load plugins from this file too; as often as wanted, before the command.",
)
def cli(plugin_files: tuple[Path, ...]) -> None:
    """Make an LLM agent better at your tools, with tasks that it writes itself, each proven by running code.

    Start here: selfchal init quickstart; selfchal run quickstart.yaml
    """
    if plugin_files:
        from selfchal.plugins.plugin_files import use_plugin_files

        use_plugin_files(plugin_files)


def call(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code."""
    try:
        result = cli.main(args=arguments, prog_name="selfchal", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        say("Stopped.", err=True)
        return 130
    except SelfchalError as error:
        if os.environ.get(DEBUG_VARIABLE):
            say(traceback.format_exc(), err=True)
        say(f"Error: {error}", err=True)
        return 2
    except OSError as error:
        if error.errno not in _OUT_OF_SPACE + _NOT_ALLOWED + _NO_SUCH_PATH:
            raise
        say(f"Error: {_format_error(error)}", err=True)
        return 2
    return result if isinstance(result, int) else 0


def _format_error(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOENT and not error.filename:
        return "the folder that you are in was removed; go to another one and try again."
    if error.errno in _OUT_OF_SPACE:
        return f"the disk is full{where}. Free some space; a run goes on with --resume."
    if error.errno in _NOT_ALLOWED:
        return f"no permission to write or read here{where}: {error.strerror}. Choose another place."
    return f"this path cannot be used{where}: {error.strerror}. Choose another one."


def main() -> None:
    """The console script."""
    code = call()
    # Where Ctrl-C meets a string that is being executed (dataclasses do that when a library is imported),
    # CPython remembers it as unhandled although it was caught, and dies of the signal after all instead of
    # giving the exit code. The next string that it executes makes it forget.
    exec("")
    sys.exit(code)
