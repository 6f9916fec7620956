"""One process at a time works on a run directory."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from selfchal.core.errors import StoreError

LOCK = ".lock"  # the file that is locked
_TRIES, _PAUSE = 5, 0.05  # for whoever asks is_locked holds the lock for an instant


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
    for left in reversed(range(_TRIES)):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if left:
                time.sleep(_PAUSE)
                continue
            handle.close()
            raise StoreError(
                f"{directory} is in use by another selfchal process; wait for it or stop it"
            ) from None
        break
    return handle


def is_locked(directory: Path) -> bool | None:
    """Does a process work on the run there? None where locks cannot be had. Changes nothing.

    A directory without the file was copied from elsewhere, or is a stranger's.
    """
    if find_spec("fcntl") is None:
        return None
    import fcntl

    try:  # a stranger's file may be a link to another one, or a pipe that nobody writes to
        handle = os.open(directory / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return None
    finally:
        os.close(handle)
    return False


@contextlib.contextmanager
def locking(directory: Path) -> Iterator[Any]:
    """The lock of a directory, which is free again where what follows fails."""
    lock = lock_directory(directory)
    try:
        yield lock
    except BaseException:
        lock.close()
        raise
