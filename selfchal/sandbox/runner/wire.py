"""What travels between the host and the untrusted side: length-prefixed frames of strict, capped JSON.

A frame is four bytes (big-endian length) and that many bytes of UTF-8 JSON. Strict means: no NaN, no
infinity, no lone surrogates, nesting of at most ``MAX_DEPTH``, and dictionaries with string keys only.
No pickle, ever.

Host to child: ``["run", {...}]``, ``["value", json]``, ``["raise", text]``.
Child to host: ``["call", name, args, kwargs]``, ``["done", status, value, error]``.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

HEADER = struct.Struct("!I")
MAX_DEPTH = 64


class NotStrictError(ValueError):
    """A value or text that is not the strict JSON of this protocol."""


def _refuse_constant(name: str) -> None:
    raise NotStrictError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def decode(data: bytes) -> Any:
    """Parse untrusted bytes. Raises NotStrictError; never anything else."""
    try:
        value = _decoder.decode(data.decode("utf-8"))
    except NotStrictError:
        raise
    except (ValueError, RecursionError) as error:
        raise NotStrictError(f"not JSON: {error}") from None
    check(value)  # the parser lets 1e999 and \ud800 through
    return value


def encode(value: Any) -> bytes:
    """Bytes of a value. Raises NotStrictError for what strict JSON cannot carry."""
    check(value)
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, TypeError, RecursionError) as error:
        raise NotStrictError(str(error)) from None


def check(value: Any, depth: int = 0) -> None:
    """Raise NotStrictError unless the value is strict JSON (tuples count as lists)."""
    if value is None or isinstance(value, int):
        return
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float):
        if value - value != 0.0:
            raise NotStrictError("NaN and infinity are not JSON")
    elif isinstance(value, (dict, list, tuple)):
        _check_container(value, depth + 1)
    else:
        raise NotStrictError(f"a value of type {type(value).__name__} is not JSON")


def _check_container(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise NotStrictError(f"nested deeper than {MAX_DEPTH}")
    if not isinstance(value, dict):
        for item in value:
            check(item, depth)
        return
    for key, item in value.items():
        if not isinstance(key, str):
            raise NotStrictError(f"a dictionary key of type {type(key).__name__} is not JSON")
        _check_text(key)
        check(item, depth)


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise NotStrictError("a lone surrogate is not text") from None


def read_frame(fd: int) -> bytes | None:
    """One frame from a blocking descriptor; None at its end. For the child, which trusts its host."""
    header = _read_exactly(fd, HEADER.size)
    return None if header is None else _read_exactly(fd, HEADER.unpack(header)[0])


def _read_exactly(fd: int, size: int) -> bytes | None:
    data = os.read(fd, size)
    while len(data) < size:
        more = os.read(fd, size - len(data))
        if not more:
            return None
        data += more
    return data


def write_frame(fd: int, payload: bytes) -> None:
    """One frame to a blocking descriptor."""
    view = memoryview(HEADER.pack(len(payload)) + payload)
    while view:
        view = view[os.write(fd, view) :]
