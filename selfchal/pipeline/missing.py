"""Says of a path at which there is nothing what was looked for there, and what may be meant instead."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from selfchal.pipeline.examples import find_examples

MANIFEST_ENDINGS = (".yaml", ".yml", ".toml")


def is_manifest(path: Path) -> bool:
    """Does this look like a manifest's file?"""
    return path.suffix in MANIFEST_ENDINGS


def describe_missing(path: Path, wanted: str, is_wanted: Callable[[Path], bool]) -> str:
    """One sentence: there is no such file or directory, and the nearest that there is.

    ``wanted`` says in words what was looked for; ``is_wanted`` whether a path is one of those. Where a
    manifest would do, the nearest example is named too.
    """
    if path.is_symlink():
        return f"{str(path)!r} is a link to {os.readlink(path)!r}, where there is no {wanted}"
    meant = [str(near)] if (near := find_nearest(path, is_wanted)) else []
    cure = f"; it was looked for in {path.absolute().parent}"
    if is_wanted(Path("any.yaml")):
        example = _find_example(path)
        meant += [f"the example {example!r} (selfchal examples {example} --out FILE)"] if example else []
        cure = ". See `selfchal examples`"
    hint = f"; did you mean {' or '.join(meant)}?" if meant else cure
    return f"there is no {wanted} {str(path)!r}{hint}"


def find_nearest(path: Path, is_wanted: Callable[[Path], bool]) -> Path | None:
    """The most similar path at which there is one of those wanted; folders are matched as names are."""
    *folders, name = path.parts or (".",)
    found = Path()
    for folder in folders:
        inner = found / folder
        if not inner.is_dir():
            inner = _choose_nearest(found, folder, Path.is_dir) or inner
        found = inner
    return _choose_nearest(found, name, is_wanted)


def _choose_nearest(folder: Path, name: str, is_wanted: Callable[[Path], bool]) -> Path | None:
    try:
        names = [each for each in os.listdir(folder) if is_wanted(folder / each)]
    except OSError:
        return None
    near = difflib.get_close_matches(name, names, n=1)
    return folder / near[0] if near else None


def _find_example(path: Path) -> str:
    """The manifest among the examples whose name is most like this one; empty where none is like it."""
    known = {name.rpartition("/")[2]: name for name, file in find_examples().items() if is_manifest(file)}
    near = difflib.get_close_matches(path.stem, known, n=1)
    return known[near[0]] if near else ""
