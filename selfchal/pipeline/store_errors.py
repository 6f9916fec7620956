"""Errors of the disk, of permissions and of damaged files, told as what they mean for a run."""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

from selfchal.core.errors import StoreError
from selfchal.pipeline.yaml_text import YamlTextError


@contextlib.contextmanager
def raise_store_errors(directory: Path, doing: str) -> Iterator[None]:
    """Turn errors of the disk, of permissions and of a corrupt file into a StoreError that says so."""
    try:
        yield
    except (OSError, sqlite3.Error, zlib.error, YamlTextError) as error:
        said, cure = _describe_cause(error, directory), _suggest_cure(error, doing)
        raise StoreError(f"cannot {doing} the run in {directory}: {said}; {cure}") from error


def _describe_cause(error: Exception, directory: Path) -> str:
    if not isinstance(error, OSError):
        return str(error)
    named = error.filename and Path(error.filename) != directory
    return f"{error.filename}: {error.strerror}" if named else str(error.strerror)


def _suggest_cure(error: Exception, doing: str) -> str:
    if _is_full(error):
        return "free some space and go on with --resume"
    if isinstance(error, YamlTextError):
        return "its manifest was changed since; put it back as it was"
    if isinstance(error, zlib.error) or _is_damaged(error):
        return "its database is damaged; restore it from a copy, or begin a new run (--out)"
    if doing == "create":
        return "choose another place (--out), or mend this path or its rights"
    return "check the path and its rights"


def _is_full(error: Exception) -> bool:
    text = str(error).lower()
    return "no space" in text or "is full" in text or "disk i/o" in text


def _is_damaged(error: Exception) -> bool:
    return any(words in str(error) for words in ("not a database", "malformed", "no such table"))
