"""Writes a file or a directory so that after a kill it is there whole or not at all.

CONTRIBUTING.md#invariant-5 needs this.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from selfchal.core.errors import StoreError

_ROOM = 2**16  # bytes; on a full disk a few pages may be left
GO_ON = "free some space, then go on with --resume"


def write_whole(path: Path, write: Callable[[Path], object], cure: str = GO_ON) -> None:
    """Let ``write`` make a file or a directory under another name beside ``path``, then rename it.

    What stood at ``path`` before is replaced. ``write`` gets a path at which nothing stands. Raises
    StoreError, which ends in ``cure``, where the disk is full or may not be written; what was written of it
    is then removed.
    """

    def begin(part: Path) -> None:
        write(part)

    begin_whole(path, begin, cure)()


def begin_whole(
    path: Path, begin: Callable[[Path], Callable[[], None] | None], cure: str = GO_ON
) -> Callable[[], None]:
    """The first half of the same: what is given back renames it, after it has waited for what ``begin`` gave
    back. Both raise as ``write_whole`` does."""
    part = path.with_name(f"{path.name}.part")
    with _explaining(path, part, cure):
        _remove(part)  # what a killed process left
        wait = begin(part)

    def finish() -> None:
        with _explaining(path, part, cure):
            if wait is not None:
                wait()
            if part.is_dir():
                _remove(path)  # a directory is not renamed over another one
            part.replace(path)

    return finish


@contextlib.contextmanager
def _explaining(path: Path, part: Path, cure: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # every library has an exception of its own for a full disk
        full = os.strerror(errno.ENOSPC) in str(error) or _is_full(path.parent)
        with contextlib.suppress(OSError):
            _remove(part)
        if not isinstance(error, OSError) and not full:
            raise
        reason = "the disk is full" if full else error
        raise StoreError(f"cannot write {path}: {reason}; {cure}") from error


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _ROOM
    except OSError:
        return False


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
