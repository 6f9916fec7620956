"""Reads the JSON files that the user named, packed or not, of a bounded size."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import NoReturn

from selfchal.audit.task_sets import AuditError
from selfchal.core.world import Json
from selfchal.text_files import explain_unreadable

MOST_BYTES = 64 * 2**20  # of a file of tasks, unpacked
_GZIP = b"\x1f\x8b"


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
