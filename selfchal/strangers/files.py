"""Reads folders and files of strangers: regular files alone, so many, so large, and no link followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from selfchal.core.errors import SelfchalError

MOST_TEXT_BYTES = 2**20  # of a script, an instruction, a Dockerfile
MOST_FILES = 20_000  # of a folder that is walked
_DEEPEST = 12  # folders within each other


class TooManyFilesError(SelfchalError):
    """A folder holds more than is read."""


def list_files(folder: Path) -> dict[str, Path]:
    """The regular files below a folder by their path within it, in order. Links are left out.

    Raises TooManyFilesError where there are more than ``MOST_FILES``.
    """
    found: dict[str, Path] = {}
    for path in _walk(folder, _DEEPEST):
        found[path.relative_to(folder).as_posix()] = path
        if len(found) > MOST_FILES:
            raise TooManyFilesError(f"{folder} holds more than {MOST_FILES:,} files; name a smaller folder")
    return dict(sorted(found.items()))


def list_links(folder: Path) -> list[str]:
    """The first links below a folder by their path within it; none is followed."""
    links = islice(_walk(folder, _DEEPEST, links=True), MOST_FILES)
    return [path.relative_to(folder).as_posix() for path in links]


def _walk(folder: Path, depth: int, links: bool = False) -> Iterator[Path]:
    """Its regular files, or its links."""
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            if depth and entry.name not in (".git", "node_modules", "__pycache__", ".venv"):
                yield from _walk(Path(entry.path), depth - 1, links)
        elif entry.is_symlink() if links else entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def holds_links(folder: Path) -> bool:
    """Is anything below the folder neither a folder nor a regular file?"""
    for inner, folders, files in os.walk(folder):
        paths = [os.path.join(inner, name) for name in (*folders, *files)]
        modes = [os.lstat(path).st_mode for path in paths]
        if not all(stat.S_ISDIR(mode) or stat.S_ISREG(mode) for mode in modes):
            return True
    return False


def list_folders(folder: Path) -> list[Path]:
    """The folders in a folder, in order. Links are left out."""
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))


def read_strange_text(path: Path) -> str | None:
    """The text of a file of which others follow; None where it is a link, no regular file, too large or
    cannot be read. Bytes that are no UTF-8 become U+FFFD."""
    data = read_strange_bytes(path, MOST_TEXT_BYTES)
    return None if data is None else data.decode("utf-8", "replace").replace("\r\n", "\n")


def read_strange_bytes(path: Path, most: int) -> bytes | None:
    """Its bytes, where it is a regular file of no more than ``most``; neither a pipe nor a device is waited
    for."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > most:
            return None  # a file with holes may be far larger than memory
        data = file.read(most + 1)
    return data if len(data) <= most else None
