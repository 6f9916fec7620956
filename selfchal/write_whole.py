"""Writes a file or a directory so that after a kill it is there whole or not at all (invariant 5)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from selfchal.core.errors import StoreError

GO_ON = "free some space, then go on with --resume"


def write_whole(path: Path, write: Callable[[Path], object], cure: str = GO_ON) -> None:
    """Let ``write`` make a file or a directory under another name beside ``path``, then rename it.

    What stood at ``path`` before is replaced. ``write`` gets a path at which nothing stands. Raises
    StoreError, which ends in ``cure``, where the disk is full or may not be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        _remove(part)  # what a killed process left
        write(part)
        if part.is_dir():
            _remove(path)  # a directory is not renamed over another one
        part.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error}; {cure}") from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
