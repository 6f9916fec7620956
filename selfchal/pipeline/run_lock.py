"""One process at a time works on a run directory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from selfchal.core.errors import StoreError

LOCK = ".lock"  # the file that is locked


def check_lockable() -> None:
    """Raise StoreError on a system that cannot lock a file."""
    if find_spec("fcntl") is None:  # what only looks at runs works without it
        raise StoreError(
            "a run cannot be made on Windows itself; use WSL 2, which is Linux, or the container "
            "(docs/install.md)"
        )


def lock_directory(directory: Path) -> Any:
    """A file that this process alone has open; closing it gives the directory free. Raises StoreError."""
    import fcntl  # Windows has none: check_lockable is asked before

    handle = (directory / LOCK).open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise StoreError(
            f"{directory} is in use by another selfchal process; wait for it or stop it"
        ) from None
    return handle


@contextlib.contextmanager
def locking(directory: Path) -> Iterator[Any]:
    """The lock of a directory, which is free again where what follows fails."""
    lock = lock_directory(directory)
    try:
        yield lock
    except BaseException:
        lock.close()
        raise
