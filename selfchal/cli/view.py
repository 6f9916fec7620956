"""``selfchal view``: runs in a browser, live, from this machine alone."""

from __future__ import annotations

from pathlib import Path

import click

from selfchal.cli.terminal import say
from selfchal.core.errors import PluginError


@click.command()
@click.argument("directories", metavar="[DIR]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="The port (default: any that is free)."
)
def view(directories: tuple[Path, ...], port: int) -> None:
    """Show runs in a browser, live, from this machine alone.

    They are those in the directories and below them (default: runs). Prints an address that only this
    machine's browsers can open. Ends with Ctrl-C. Needs what `pip install 'selfchal[view]'` brings.
    """
    try:
        from selfchal.view import serve
    except ModuleNotFoundError as error:
        raise PluginError(f"{error.name} is not installed; run: pip install 'selfchal[view]'") from error

    def announce(address: str) -> None:
        say(f"{address}\nOpen it in a browser on this machine; Ctrl-C ends it.")

    serve(directories or (Path("runs"),), port, announce)
