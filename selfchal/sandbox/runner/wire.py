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
from collections.abc import Iterable
from typing import Any

HEADER = struct.Struct("!I")
MAX_DEPTH = 64
# A value takes its host 60 to 250 bytes, and JSON needs two or three to write one: the bytes of messages do
# not bound the memory that they take.
MAX_VALUES = 100_000
# What comes first on a channel, in whichever order: the zygote's word with the child's pidfd, and the
# child's own that it is locked down. Or the zygote's that there is no child, and why.
PIDFD, READY, FAILED = b"P", b"R", b"F"
# From the zygote, of a process that ended: its wait status, its peak in KiB, and whether it had used up the
# CPU time that any process gets.
EXIT = struct.Struct("!iQ?")
_FIRST_PIECE = 2**13  # most requests whole


class NotStrictError(ValueError):
    """A value or text that is not the strict JSON of this protocol."""


class LoneSurrogateError(NotStrictError):
    """A value that is strict JSON but for a lone surrogate in a text."""


def _refuse_constant(name: str) -> None:
    raise NotStrictError(f"{name} is not JSON")


def _check_finite(text: str) -> float:
    value = float(text)
    if value - value != 0.0:
        raise NotStrictError("infinity is not JSON")
    return value


# Made once, and called without the json module's conveniences: a child copies each page that it touches.
_decoder: Any = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_check_finite)
_scan = _decoder.scan_once  # typeshed does not know it
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False).encode


def decode(data: bytes) -> Any:
    """Parse untrusted bytes. Raises NotStrictError; never anything else."""
    try:
        text = data.decode("utf-8")
        value, end = _scan(text, 0)
    except NotStrictError:
        raise
    except (ValueError, StopIteration, RecursionError) as error:
        raise NotStrictError(f"not JSON: {error}") from None
    if end != len(text):
        raise NotStrictError("not JSON: something follows the value")
    # What the parser lets through needs a look at each value: \ud800, and depth, if there can be any.
    if b"\\u" in data or data.count(b"[") + data.count(b"{") > MAX_DEPTH:
        check(value)
    return value


def count_values(data: bytes) -> int:
    """How many values a text of JSON holds (keys are none), told without parsing it.

    What is not JSON gets a number too, and what holds far more than ``MAX_VALUES`` gets one above it.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    quotes = data.count(b'"')  # from here on each of them begins or ends a text
    if quotes > 4 * MAX_VALUES:  # a text has two; of a key and its value both can be texts
        return MAX_VALUES + 1
    bare = b"".join(data.split(b'"')[::2]) if quotes else data
    return bare.count(b",") + bare.count(b"[") + bare.count(b"{") + 1  # each but the first stands after one


def trusted(data: bytes) -> Any:
    """Parse what the host sent, in a child."""
    return _scan(data.decode("utf-8"), 0)[0]


def encode(value: Any) -> bytes:
    """Bytes of a value. Raises NotStrictError for what strict JSON cannot carry."""
    _check_shape((value,), 0)
    try:
        return _encode(value).encode("utf-8")
    except UnicodeEncodeError:
        raise LoneSurrogateError("a lone surrogate is not text") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise NotStrictError(str(error)) from None


_LEAVES = frozenset({str, int, float, bool, type(None)})
_TEXT = frozenset({str})


def _check_shape(values: Iterable[Any], depth: int) -> None:
    """What the encoder would let through: depth, and keys of other types, which it would turn into text."""
    if depth > MAX_DEPTH:
        raise NotStrictError(f"nested deeper than {MAX_DEPTH}")
    for value in values:
        if value.__class__ in _LEAVES:
            continue
        if isinstance(value, dict):
            if not _TEXT.issuperset(map(type, value)):
                _check_keys(value)
            _check_shape(value.values(), depth + 1)
        elif isinstance(value, (list, tuple)):
            _check_shape(value, depth + 1)


def check(value: Any) -> None:
    """Raise NotStrictError unless the value is strict JSON (tuples count as lists)."""
    _check_all((value,), 0)


def _check_all(values: Iterable[Any], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise NotStrictError(f"nested deeper than {MAX_DEPTH}")
    for value in values:
        if isinstance(value, str):
            if not value.isascii():
                _check_text(value)
        elif isinstance(value, dict):
            _check_keys(value)
            _check_all(value.values(), depth + 1)
        elif isinstance(value, (list, tuple)):
            _check_all(value, depth + 1)
        elif isinstance(value, float):
            if value - value != 0.0:
                raise NotStrictError("NaN and infinity are not JSON")
        elif value is not None and not isinstance(value, int):
            raise NotStrictError(f"a value of type {type(value).__name__} is not JSON")


def _check_keys(keys: Iterable[Any]) -> None:
    for key in keys:
        if not isinstance(key, str):
            raise NotStrictError(f"a dictionary key of type {type(key).__name__} is not JSON")
        if not key.isascii():
            _check_text(key)


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise NotStrictError("a lone surrogate is not text") from None


def read_frame(fd: int) -> bytes | None:
    """One frame from a blocking descriptor; None at its end. For the child, which trusts its host to send
    no more than it was asked for."""
    data = os.read(fd, _FIRST_PIECE)
    while (missing := _count_missing(data)) > 0:
        more = os.read(fd, missing)
        if not more:
            return None
        data += more
    return data[HEADER.size :]


def _count_missing(data: bytes) -> int:
    if len(data) < HEADER.size:
        return HEADER.size - len(data)
    return HEADER.size + HEADER.unpack_from(data)[0] - len(data)  # type: ignore[no-any-return]  # an int


def framed(payload: bytes) -> bytes:
    return HEADER.pack(len(payload)) + payload


def write_frame(fd: int, payload: bytes) -> None:
    """One frame to a blocking descriptor."""
    data = framed(payload)
    sent = os.write(fd, data)
    while sent < len(data):
        sent += os.write(fd, memoryview(data)[sent:])
