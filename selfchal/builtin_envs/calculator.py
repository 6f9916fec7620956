"""The ``calculate`` tool of retail and airline: arithmetic with the results and errors of Python.

The originals hand a whitelisted string to ``eval``, so ``9**9**9**9`` hangs them. This evaluator walks
the syntax tree, gives what ``eval`` gives, and refuses numbers too large to ever become a float.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

from selfchal.parsing import parse_python

ALLOWED = "0123456789+-*/(). "
MAX_CHARACTERS = 10_000  # CPython's parser takes seconds and a gigabyte for a sum of a million terms
MAX_BITS = 1 << 18

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}


class RefusedExpression(Exception):  # noqa: N818 — an answer, not an error of the program
    """What the tool says after ``Error: ``."""


def calculate(expression: str) -> float | str:
    """The value rounded to two decimals. Raises RefusedExpression for what is no arithmetic.

    What is not iterable raises TypeError, as in the original.
    """
    if isinstance(expression, str) and len(expression) > MAX_CHARACTERS:
        raise RefusedExpression(f"the expression has more than {MAX_CHARACTERS} characters")
    if not all(char in ALLOWED for char in expression):
        raise RefusedExpression("invalid characters in expression")
    try:
        if not isinstance(expression, str):
            raise TypeError("eval() arg 1 must be a string, bytes or code object")
        tree = parse_python(expression.lstrip(" "), "eval", "<string>")
        value = round(float(_evaluate(tree.body)), 2)
    except Exception as error:
        raise RefusedExpression(str(error)) from error
    return value if math.isfinite(value) else str(value)


def _evaluate(node: ast.expr) -> Any:
    if isinstance(node, ast.BinOp):
        return _eval_binary(type(node.op), _evaluate(node.left), _evaluate(node.right))
    if isinstance(node, ast.UnaryOp):
        operand = _evaluate(node.operand)
        return -operand if isinstance(node.op, ast.USub) else +operand
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Tuple) and not node.elts:
        return ()
    if isinstance(node, ast.Call) and not node.keywords:
        return _evaluate(node.func)(*(_evaluate(arg) for arg in node.args))  # no number can be called: raises
    raise TypeError(f"{type(node).__name__} is no arithmetic")


def _eval_binary(op: type[ast.operator], left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int) and _count_bits(op, left, right) > MAX_BITS:
        raise OverflowError("int too large to convert to float")
    return _BINARY[op](left, right)


def _count_bits(op: type[ast.operator], left: int, right: int) -> int:
    """An upper bound of the bits of the result; 0 where it cannot grow much."""
    if op is ast.Pow and right > 0 and abs(left) > 1:
        return left.bit_length() * right
    if op is ast.Mult:
        return left.bit_length() + right.bit_length()
    return 0
