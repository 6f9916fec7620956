"""A run that fails before it stored anything leaves nothing behind: no file and no directory.

The corrected command then begins as if the wrong one had never been given.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from selfchal.core.errors import StoreError
from selfchal.pipeline.run_lock import LOCK, lock_directory
from selfchal.pipeline.store import DATABASE, DATABASE_FILES, MANIFEST, Store

_FILES = (*DATABASE_FILES, MANIFEST, LOCK)


@contextlib.contextmanager
def removing_failed_start(directory: Path, open_store: Callable[[], Store]) -> Iterator[Store]:
    """The store of a run in ``directory``, closed at the end.

    Where opening it, or what is done with it, raises before anything was stored, what the run wrote is
    removed. A run that was there before stays as it is, and so does one that another process works on.
    """
    made = [each for each in (directory, *directory.parents) if not each.exists()]
    before = set(os.listdir(directory)) if directory.is_dir() else set()
    begun = False
    try:
        with open_store() as store:
            try:
                yield store
            except Exception:
                begun = _has_begun(store)
                raise
    except Exception:
        # What went wrong first is what is told, and not that something could not be removed.
        with contextlib.suppress(OSError, StoreError):
            if not begun and directory.is_dir() and DATABASE not in before:
                _remove(directory, made, before)
        raise


def _has_begun(store: Store) -> bool:
    """Did it store anything? It is taken to have where it cannot say, so that nothing is lost."""
    try:
        return store.has_begun()
    except StoreError:
        return True


def _remove(directory: Path, made: Sequence[Path], before: Collection[str]) -> None:
    """Remove a run that stored nothing. Raises StoreError where another process works on it."""
    with lock_directory(directory):
        if directory in made:
            shutil.rmtree(directory)
        for name in set(_FILES) - set(before):
            (directory / name).unlink(missing_ok=True)
    for parent in made[1:]:
        parent.rmdir()
