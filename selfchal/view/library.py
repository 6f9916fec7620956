"""The runs that are shown: found anew for each list, each with an index that follows it.

A page waits a moment for the index to catch up. What takes longer, a large run that is opened for the first
time, goes on in a thread, and the page says how far it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from selfchal.browsing.index import RunIndex, open_index
from selfchal.browsing.runs import RunSummary, Status, find_runs, summarise_run
from selfchal.browsing.source import read_change
from selfchal.core.errors import StoreError
from selfchal.pipeline.run_lock import is_locked
from selfchal.pipeline.store import RESULTS, is_run

PATIENCE = 0.1  # seconds that a page waits for the index
_STEP = 0.5  # seconds of indexing between two looks at whether the page is closed


class Library:
    """``spare`` is a folder for indexes of runs whose directories cannot be written."""

    def __init__(self, directories: Sequence[Path], spare: Path) -> None:
        self._directories = tuple(directories)
        self._spare = spare
        self._known: dict[str, Path] = {}
        self._followed: set[str] = set()
        self._summaries: dict[str, tuple[str, RunSummary]] = {}  # with what tells whether they are up to date
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def list_runs(self) -> list[tuple[str, RunSummary]]:
        """Each with its name in links, those that stored something last first."""
        found = [(name_run(directory), directory) for directory in find_runs(self._directories)]
        with self._lock:
            self._known |= dict(found)
        runs = [(name, self._summarise(name, directory)) for name, directory in found]
        return sorted(runs, key=lambda run: -run[1].written)

    def _summarise(self, name: str, directory: Path) -> RunSummary:
        """Read anew only where something was stored, or where silence alone may change what is said."""
        change = _read_change(directory)
        kept = self._summaries.get(name)
        if kept is None or kept[0] != change or kept[1].status is Status.RUNNING:
            kept = (change, summarise_run(directory))
            self._summaries[name] = kept
        return kept[1]

    def find(self, name: str) -> Path:
        """The directory of a run. Raises StoreError where none is called so."""
        with self._lock:
            directory = self._known.get(name)
        if directory is None or not is_run(directory):
            self.list_runs()
            with self._lock:
                directory = self._known.get(name)
        if directory is None or not is_run(directory):
            raise StoreError(f"there is no run {name[:40]!r} here any more")
        return directory

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[RunIndex]:
        """The index of a run, as up to date as it can be at once. Raises StoreError."""
        directory = self.find(name)
        with open_index(directory, self._spare / name) as index:
            with self._lock:
                is_followed = name in self._followed
            if not is_followed and not _catch_up(index, PATIENCE):
                self._follow(name, directory)
            yield index

    def read_version(self, name: str) -> str:
        """Differs whenever a page of the run may look different."""
        directory = self.find(name)
        with open_index(directory, self._spare / name) as index:
            indexed, _ = index.count_indexed()
        return _hash(f"{_read_change(directory)}; {indexed}")

    def read_version_of_all(self) -> str:
        """Differs whenever the list may look different."""
        return _hash("\n".join(f"{run} {_read_change(run)}" for run in find_runs(self._directories)))

    def close(self) -> None:
        """Let no thread go on."""
        self._closed.set()

    def _follow(self, name: str, directory: Path) -> None:
        with self._lock:
            if name in self._followed:
                return
            self._followed.add(name)
        threading.Thread(target=self._catch_up_wholly, args=(name, directory), daemon=True).start()

    def _catch_up_wholly(self, name: str, directory: Path) -> None:
        try:
            with open_index(directory, self._spare / name) as index:
                while not self._closed.is_set() and not _catch_up(index, _STEP):
                    pass
        except StoreError:
            pass  # the next page says what is wrong
        finally:
            with self._lock:
                self._followed.discard(name)


def _catch_up(index: RunIndex, seconds: float) -> bool:
    """False where there is more to index, or another process is at it."""
    try:
        return index.catch_up(seconds)
    except StoreError as error:
        if "locked" in str(error):
            return False
        raise


def _read_change(directory: Path) -> str:
    """As that of the store, of the results beside it, and of whether a process works on it."""
    try:
        results = str((directory / RESULTS).stat().st_mtime_ns)
    except OSError:
        results = ""
    return f"{read_change(directory)}; {results}; {is_locked(directory)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def name_run(directory: Path) -> str:
    """What a run is called in links: the same as long as it stays where it is."""
    return hashlib.sha256(str(directory.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:12]
