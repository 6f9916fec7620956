"""``selfchal examples``: the manifests and Python files that come with the package, to begin with."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from selfchal.cli.terminal import say, say_listing
from selfchal.core.errors import ManifestError
from selfchal.pipeline.examples import find_examples, group_examples, read_summary

_COLUMNS = 80  # where the output is no terminal


@click.command()
@click.argument("name", default="")
@click.option("--out", type=click.Path(path_type=Path), help="The file to write (default: print it).")
def examples(name: str, out: Path | None) -> None:
    """List the examples, manifests and Python files, or write one.

    For example: selfchal examples quickstart --out quickstart.yaml
    """
    if not name:
        _list(find_examples())
        return
    example = find_example(name)
    if out is None:
        say(example.read_text(encoding="utf-8"), nl=False)
        return
    write_example(example, out)


def find_example(name: str) -> Path:
    """The file of an example. Raises ManifestError, with the nearest name, where there is none."""
    known = find_examples()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        raise ManifestError(f"there is no example {name!r}; {meant}See them with: selfchal examples")
    return known[name]


def write_example(example: Path, out: Path) -> None:
    """Write it and say what comes next. Raises ManifestError where something is there already."""
    if out.exists():
        raise ManifestError(f"{out} is there already; choose another place")
    out.write_text(example.read_text(encoding="utf-8"), encoding="utf-8")
    say(f"Wrote {out}" if example.suffix == ".py" else f"Wrote {out}. Now:\n  selfchal run {out}")


def _list(known: dict[str, Path]) -> None:
    """Every example below its heading, with all that it says of itself, wrapped to the terminal."""
    groups = list(group_examples(known))
    width = max(len(name) for _, group in groups for name in group)
    for heading, group in groups:
        say_listing(heading, bold=True)
        for name, path in group.items():
            say_listing(f"  {name:{width}}  {read_summary(path)}", columns=_COLUMNS)
