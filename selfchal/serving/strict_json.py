"""JSON that others write. What Python alone would read is refused, for it could not be written back."""

from __future__ import annotations

import json
import math
from typing import NoReturn

from selfchal.core.world import Json


def read_json(text: str | bytes) -> Json:
    """The value. Raises ValueError for what is no JSON (NaN, Infinity), for a number that no float holds
    (1e400), and for what is nested too deeply."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_read_float)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _read_float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:40]} is too large a number")
    return value
