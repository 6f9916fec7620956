"""``selfchal init``: puts an example into a folder, ready to be run."""

from __future__ import annotations

from pathlib import Path

import click

from selfchal.cli.examples import find_example, write_example


@click.command()
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("."))
def init(name: str, folder: Path) -> None:
    """Put an example into a folder, ready to be run.

    NAME is one that `selfchal examples` lists, FOLDER the present one where none is given.

    For example: selfchal init quickstart; selfchal run quickstart.yaml
    """
    example = find_example(name)
    folder.mkdir(parents=True, exist_ok=True)
    write_example(example, folder / example.name)
