"""Numbers of tasks and tools as floats. A whole number of Python's may be too large for one."""

from __future__ import annotations

import math


def take_float(value: int | float) -> float:
    """The number as a float; infinite, with its sign, where a float cannot be as large."""
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, 1 if value > 0 else -1)
