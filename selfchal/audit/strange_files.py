"""Reads folders and JSON files of strangers: regular files alone, so many, so large, and no link followed."""

from __future__ import annotations

import json
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from selfchal.audit.task_sets import AuditError
from selfchal.core.world import Json
from selfchal.text_files import explain_unreadable

MOST_BYTES = 64 * 2**20  # of a file of tasks, unpacked
MOST_TEXT_BYTES = 2**20  # of a script, an instruction, a Dockerfile
MOST_FILES = 20_000  # of a folder that is walked
_DEEPEST = 12  # folders within each other
_GZIP = b"\x1f\x8b"


def list_files(folder: Path) -> dict[str, Path]:
    """The regular files below a folder by their path within it, in order. Links are left out.

    Raises AuditError where there are more than ``MOST_FILES``.
    """
    found: dict[str, Path] = {}
    for path in _walk(folder, _DEEPEST):
        found[path.relative_to(folder).as_posix()] = path
        if len(found) > MOST_FILES:
            raise AuditError(f"{folder} holds more than {MOST_FILES:,} files; name a smaller folder")
    return dict(sorted(found.items()))


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            if depth and entry.name not in (".git", "node_modules", "__pycache__", ".venv"):
                yield from _walk(Path(entry.path), depth - 1)
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


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
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        data = file.read(most + 1)
    return data if len(data) <= most else None


def read_json_file(path: Path) -> Json:
    """The value of a JSON file that the user named, packed by gzip or not. Raises AuditError."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise AuditError(f"cannot read {path}: {explain_unreadable(error)}") from error
    if data.startswith(_GZIP):
        data = _unpack(data, path)
    if len(data) > MOST_BYTES:
        raise AuditError(f"{path} has more than {MOST_BYTES:,} bytes, the most that are read")
    try:
        return json.loads(data, parse_constant=_refuse_constant)
    except RecursionError:
        raise AuditError(f"{path} is nested too deeply to be read") from None
    except ValueError as error:
        raise AuditError(f"{path} is no JSON: {error}") from error


def _unpack(data: bytes, path: Path) -> bytes:
    unpacking = zlib.decompressobj(wbits=31)  # 31: gzip
    try:
        return unpacking.decompress(data, MOST_BYTES + 1)
    except zlib.error as error:
        raise AuditError(f"{path} is a damaged gzip file: {error}; fetch it again") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")
