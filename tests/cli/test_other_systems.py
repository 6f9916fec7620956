"""What of Python's library Windows lacks is imported by nothing that only reads, lists or explains."""

from __future__ import annotations

import subprocess
import sys

MISSING = ("fcntl", "grp", "pwd", "resource", "termios", "tty")
EVERY_HELP = f"""
import importlib.abc
import sys

class Windows(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in {MISSING!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

for name in {MISSING!r}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Windows())

import click
from click.testing import CliRunner
from selfchal.cli.main import cli

def list_paths(command, path):
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from list_paths(command.get_command(context, name), [*path, name])

runner = CliRunner()
told = [*([*path, "--help"] for path in list_paths(cli, [])), ["plugins", "list"], ["schema"]]
for arguments in told:
    done = runner.invoke(cli, arguments)
    if done.exit_code:
        print(*arguments, repr(done.exception))
print(len(told))
"""


def test_every_help_and_list_works_without_what_windows_lacks() -> None:
    done = subprocess.run([sys.executable, "-c", EVERY_HELP], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *failed, count = done.stdout.splitlines()
    assert failed == []
    assert int(count) > 30
