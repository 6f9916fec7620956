"""Reads files that somebody else made: manifests, rows of tasks and calls, tables, programs.

Some editors and spreadsheets begin a UTF-8 file with a byte order mark. It is no part of the text, and every
parser would trip over it.
"""

from __future__ import annotations

import codecs
from pathlib import Path


def read_text_bytes(path: Path) -> bytes:
    """The file's bytes without a byte order mark. Raises OSError."""
    return path.read_bytes().removeprefix(codecs.BOM_UTF8)


def read_text_file(path: Path) -> str:
    """The file's text, each line ended by a newline alone. Raises OSError and UnicodeDecodeError."""
    return read_text_bytes(path).decode("utf-8").replace("\r\n", "\n")
