"""Folders that look like Harbor tasks and are none: what vanishes from a set without a word is a finding.

A set is a folder with tasks below it. Of everything else in it the names are looked at, and no link is
followed further than to ask whether a task stands behind it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from selfchal.audit.findings import Grade
from selfchal.audit.taskset_sources import imports_verifiers
from selfchal.strangers.files import read_strange_text
from selfchal.strangers.harbor_tasks import CONFIG, DEEPEST

_NEVER_TASKS = (".git", "node_modules", ".venv", "__pycache__")
_DEEPEST_LOOKED = 12  # folders below the path
_MOST_FOLDERS = 20_000  # that are looked at
_MOST_SOURCES = 200  # Python files that are read, to find verifiers packages


@dataclass(frozen=True)
class Lost:
    """A folder that was not read as a task, how sure it is that one is lost, and why."""

    folder: Path
    grade: Grade
    why: str


@dataclass
class _Walk:
    """The folders of tasks that were read, what was found, and how much may still be looked at."""

    root: Path
    tasks: frozenset[Path]
    folders_left: int = _MOST_FOLDERS
    sources_left: int = _MOST_SOURCES
    packages: set[str] = field(default_factory=set)


def find_lost_folders(root: Path, tasks: Sequence[Path]) -> Iterator[Lost]:
    """The folders below ``root`` that may be tasks and are not among ``tasks``."""
    if list(tasks) != [root]:
        yield from _look(root, 0, _Walk(root, frozenset(tasks)))


def _look(folder: Path, depth: int, walk: _Walk) -> Iterator[Lost]:
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield Lost(folder, Grade.DOUBTFUL, f"It cannot be listed: {error.strerror}.")
        return
    yield from _find_package(folder, listed, walk)
    inner = [entry for entry in listed if entry.is_dir() and entry.name not in _NEVER_TASKS]
    beside = any(Path(entry.path) in walk.tasks or _holds_config(entry.path) for entry in inner)
    for entry in inner:
        path = Path(entry.path)
        if path in walk.tasks:
            continue
        walk.folders_left -= 1
        if walk.folders_left < 0 or depth == _DEEPEST_LOOKED:
            why = "It was not looked into: there are too many folders, or too deep ones."
            yield Lost(path, Grade.DOUBTFUL, why)
            return
        if lost := _explain_lost(entry, depth + 1, beside):
            yield lost
        elif not entry.is_symlink():
            yield from _look(path, depth + 1, walk)


def _holds_config(folder: str) -> bool:
    return os.path.lexists(os.path.join(folder, CONFIG))


def _explain_lost(entry: os.DirEntry[str], depth: int, beside: bool) -> Lost | None:
    """Why this folder, which is not among the tasks, may be one; None for one that is none. ``beside`` says
    that another folder beside it is a task."""
    path = Path(entry.path)
    if _holds_config(entry.path):
        if entry.is_symlink():
            return Lost(path, Grade.DOUBTFUL, "It is a link to a task, and links are not followed.")
        if depth > DEEPEST and (path / CONFIG).is_file():
            why = f"It lies {depth} folders down, and {DEEPEST} are the most: name a folder nearer to it."
            return Lost(path, Grade.CERTAIN, why)
        return Lost(path, Grade.CERTAIN, f"Its {CONFIG} is no regular file.")
    parts = [name for name in ("instruction.md", "tests") if os.path.lexists(path / name)]
    if not parts or not beside or entry.is_symlink():
        return None
    # one part alone may be of a folder that the tasks share
    grade = Grade.CERTAIN if len(parts) > 1 else Grade.DOUBTFUL
    return Lost(path, grade, f"It has {' and '.join(parts)} like the tasks beside it, and no {CONFIG}.")


def _find_package(folder: Path, listed: Sequence[os.DirEntry[str]], walk: _Walk) -> Iterator[Lost]:
    """A folder with code that imports verifiers, once for all that lies below one folder of the set."""
    within = folder.relative_to(walk.root).parts
    first = within[0] if within else "."
    for entry in listed:
        if first in walk.packages or not entry.name.endswith(".py") or walk.sources_left <= 0:
            continue
        walk.sources_left -= 1
        if imports_verifiers(read_strange_text(Path(entry.path)) or ""):
            walk.packages.add(first)
            reason = "It is a verifiers package beside Harbor tasks, and was not read: audit it by itself."
            yield Lost(walk.root / first, Grade.DOUBTFUL, reason)
