"""Bodies of stored rows, read with bounds: a run may come from anybody."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from selfchal.core.errors import StoreError

Row = TypeVar("Row")
LONGEST_BODY = 256 * 2**20  # bytes of JSON; what is larger is not read
_FAULTS = (zlib.error, ValueError, RecursionError, MemoryError)


def unpack(body: bytes) -> Mapping[str, Any] | None:
    """The mapping that a store packed; None where it is damaged, too large, or no mapping."""
    reader = zlib.decompressobj()
    try:
        text = reader.decompress(body, LONGEST_BODY)
        value = None if reader.unconsumed_tail else json.loads(text)
    except _FAULTS:
        return None
    return value if isinstance(value, dict) else None


def read_as(adapter: TypeAdapter[Row], body: bytes, name: str) -> Row:
    """What a store packed, with the type of every part looked at. Raises StoreError, which begins with
    ``name``."""
    parts = unpack(body)
    if parts is None:
        raise StoreError(f"{name} cannot be read: its body is damaged or too large")
    try:
        return adapter.validate_python(parts)
    except ValidationError as error:
        what = error.errors()[0]
        where = ".".join(map(str, what["loc"]))
        raise StoreError(f"{name} cannot be read: {where}: {what['msg']}"[:500]) from error
