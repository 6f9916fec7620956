"""Reads files that somebody else made: manifests, rows of tasks and calls, tables, programs.

Some editors and spreadsheets begin a UTF-8 file with a byte order mark. It is no part of the text, and every
parser would trip over it. A file may be anything else than what it is named: an archive, UTF-16, a device
without end; ``explain_unreadable`` says what it seems to be and what to do.
"""

from __future__ import annotations

import codecs
import errno
import os
from pathlib import Path

MOST_BYTES = 2**30  # of any file
MOST_WRITTEN_BYTES = 2**20  # of a file that people write by hand
_CHUNK = 2**20
_ARCHIVES = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
# How files begin that are taken for texts, and what they are.
_BEGINNINGS = (
    ((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE), "it is written in UTF-16; save it as UTF-8"),
    (_ARCHIVES, "it is compressed; unpack it first"),
    ((b"SQLite format 3",), "it is a database and no text; name another file"),
)


def read_text_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """The file's bytes without a byte order mark. Raises OSError, also where there are more than ``most``."""
    chunks, size = [], 0
    with path.open("rb") as file:
        left = most - os.fstat(file.fileno()).st_size  # a file with holes is refused before it is read
        while left >= 0 and (chunk := file.read(_CHUNK)):
            chunks.append(chunk)
            size += len(chunk)
            left = most - size  # counted while it is read: a device has no size
    if left < 0:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes, the most that are read")
    return b"".join(chunks).removeprefix(codecs.BOM_UTF8)


def read_text_file(path: Path, most: int = MOST_BYTES) -> str:
    """The file's text, each line ended by a newline alone. Raises OSError and UnicodeDecodeError."""
    return read_text_bytes(path, most).decode("utf-8").replace("\r\n", "\n")


def explain_unreadable(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read, and for one that is no UTF-8 what it seems to be and what to do."""
    if isinstance(error, PermissionError):
        return "you may not read it; change its rights, or name another file"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    for marks, said in _BEGINNINGS:
        if error.object.startswith(marks):
            return said
    if b"\x00" in error.object:
        return "it holds binary data and no text; name another file"
    line = error.object.count(b"\n", 0, error.start) + 1
    return f"line {line} holds a byte that is no UTF-8 (0x{error.object[error.start]:02x}); save it as UTF-8"
