"""Is a value the result of earlier calls, or worked out of what they and the instruction say?"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

from selfchal.core.world import Json
from selfchal.judging.floats import take_float
from selfchal.judging.mutants import placed
from selfchal.judging.source.parse import parse_source
from selfchal.judging.wording import Wording

_PLAIN_NUMBERS = frozenset((0, 1, 2, 10, 60, 24, 100, 1000, -1))  # units, not details of a task


def is_derived(value: Json, seen: Sequence[Json], wording: Wording) -> bool:
    """Is the value in an earlier result, or made of pieces each of which is there or in the instruction?"""
    scalars = [inner for result in seen for _, inner in placed(result)]
    if isinstance(value, int | float):
        numbers = _read_wording(" ".join(str(scalar) for scalar in scalars))
        return numbers.says(value) or _is_computed(take_float(value), numbers, wording)
    text = str(value)
    if any(text == scalar or text in str(scalar) for scalar in scalars):
        return True
    both = Wording(f"{wording.text} {' '.join(str(scalar) for scalar in scalars)}")
    pieces = Wording(text)
    numbers_known = all(number in _PLAIN_NUMBERS or both.says(number) for number in pieces.digits)
    words = [word for word in pieces.words if not word[0].isdigit()]
    is_expression = bool(pieces.digits) and not words
    return numbers_known and is_expression


# The same results are asked for one number after the other.
@lru_cache(maxsize=4)
def _read_wording(text: str) -> Wording:
    return Wording(text)


def _is_computed(value: float, seen: Wording, wording: Wording) -> bool:
    """One operation on two known numbers."""
    if math.isinf(value):  # everything would be near it
        return False
    known = sorted({*seen.numbers, *wording.numbers})[:60]
    close = 1e-6 * max(1.0, abs(value))
    return any(
        abs(result - value) <= close
        for i, one in enumerate(known)
        for other in known[i:]
        for result in (one + other, one - other, other - one, one * other, *_list_ratios(one, other))
    )


def _list_ratios(one: float, other: float) -> Iterator[float]:
    if other:
        yield one / other
    if one:
        yield other / one


def literals(source: str) -> Iterator[float]:
    """Numbers in the solution's own arithmetic and in what it compares."""
    for node in ast.walk(parse_source(source, "the solution")):
        operands = [node.left, node.right] if isinstance(node, ast.BinOp) else []
        for operand in operands:
            value = operand.value if isinstance(operand, ast.Constant) else None
            if isinstance(value, int | float) and value not in _PLAIN_NUMBERS:
                yield value
