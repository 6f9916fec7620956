"""A calculator that cannot hang, leak or run code: Python's expression grammar, walked by hand.

The originals of all four environments evaluate the agent's expression with ``eval``; this gives the
same values for every expression a calculator is for (numbers, the usual operators, comparisons,
tuples, lists, dicts, strings, ``max(1, 2)``) and refuses the rest. Sizes are bounded before work is done.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from selfchal.parsing import parse_python

MAX_CHARACTERS = 10_000
MAX_BITS = 12_000  # of an integer; CPython refuses to print integers of more than about 14,000 bits
MAX_ITEMS = 1_000  # characters and items, nested ones too, of a text or list that ``*`` or ``+`` makes
MAX_ROUNDING = 400  # decimals; a float has about 300 digits before and after its point


class CalculatorError(ValueError):
    """The expression is no arithmetic, is too large, or has no value (a division by zero)."""


_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitXor: operator.xor,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


def _eval_power(base: Any, exponent: Any) -> Any:
    _check_bound(ast.Pow, base, exponent)
    return base**exponent


def _eval_round(number: Any, digits: int | None = None) -> Any:
    """``round(1, -10**9)`` would compute a power of ten of a billion digits."""
    if digits is not None and abs(digits) > MAX_ROUNDING:
        raise CalculatorError("that many digits cannot be rounded to")
    return round(number, digits)


def _eval_sum(values: Any) -> Any:
    """Numbers alone: adding up lists of lists takes time without bound."""
    if any(not isinstance(value, int | float | complex) for value in values):
        raise CalculatorError("only numbers can be summed")
    return sum(values)


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "bool": bool,
    "divmod": divmod,
    "float": float,
    "int": int,
    "len": len,
    "max": max,
    "min": min,
    "pow": _eval_power,
    "print": lambda *values: None,  # as in the originals, where nobody sees what it prints
    "round": _eval_round,
    "sorted": sorted,
    "str": str,
    "sum": _eval_sum,
}


_FAILURES = (
    *(SyntaxError, ValueError, TypeError, ArithmeticError, LookupError),
    *(RecursionError, MemoryError),  # of the parser, for thousands of parentheses
)


def evaluate(expression: str) -> Any:
    """The Python value of an arithmetic expression. Raises CalculatorError."""
    if len(expression) > MAX_CHARACTERS:
        raise CalculatorError(f"the expression has more than {MAX_CHARACTERS} characters")
    try:
        return _evaluate(parse_python(expression.lstrip(" \t"), "eval").body)
    except CalculatorError:
        raise
    except _FAILURES as error:
        raise CalculatorError(f"{type(error).__name__}: {error}") from error


def product(left: Any, right: Any) -> Any:
    """``left * right``, but no text or list longer than MAX_ITEMS. Raises CalculatorError, TypeError."""
    _check_bound(ast.Mult, left, right)
    return left * right


def _evaluate(node: ast.expr) -> Any:
    for kind, visit in _VISITORS:
        if isinstance(node, kind):
            return visit(node)
    raise CalculatorError(f"{type(node).__name__} is not arithmetic")


def _eval_constant(node: ast.Constant) -> Any:
    if isinstance(node.value, int) and node.value.bit_length() > MAX_BITS:
        raise CalculatorError("the number is too large")
    return node.value


def _eval_binary(node: ast.BinOp) -> Any:
    left, right = _evaluate(node.left), _evaluate(node.right)
    kind = type(node.op)
    if kind is ast.MatMult or (isinstance(left, str) and kind is ast.Mod):
        raise CalculatorError("the operator is not arithmetic")
    _check_bound(kind, left, right)
    value = _BINARY[kind](left, right)
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise CalculatorError("the result is too large")
    return value


def _check_bound(kind: type[ast.operator], left: Any, right: Any) -> None:
    """Refuse what would take long, before it is computed."""
    integers = isinstance(left, int) and isinstance(right, int)
    if kind is ast.Pow and integers and abs(left) > 1 and left.bit_length() * right > MAX_BITS:
        raise CalculatorError("the power is too large")
    if kind is ast.LShift and isinstance(right, int) and right > MAX_BITS:
        raise CalculatorError("the shift is too large")
    if kind is ast.Add and _measure_size(left) + _measure_size(right) > MAX_ITEMS:
        raise CalculatorError("the result is too long")
    if kind is ast.Mult:
        for items, count in ((left, right), (right, left)):
            if (
                isinstance(count, int)
                and not isinstance(items, int)
                and _measure_size(items) * count > MAX_ITEMS
            ):
                raise CalculatorError("the result is too long")


def _measure_size(value: Any) -> int:
    """Characters and items, nested ones too; 0 for a number, which ``*`` does not make longer."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, list | tuple | set):
        return len(value) + sum(map(_measure_size, value))
    if isinstance(value, dict):
        return len(value) + sum(_measure_size(key) + _measure_size(item) for key, item in value.items())
    return 0


def _eval_boolean(node: ast.BoolOp) -> Any:
    is_and = isinstance(node.op, ast.And)
    value: Any = is_and
    for part in node.values:
        value = _evaluate(part)
        if bool(value) is not is_and:
            return value
    return value


def _eval_comparison(node: ast.Compare) -> Any:
    left = _evaluate(node.left)
    for kind, right_node in zip(node.ops, node.comparators, strict=True):
        right = _evaluate(right_node)
        if type(kind) not in _COMPARE:
            raise CalculatorError("'is' is not arithmetic")
        if not _COMPARE[type(kind)](left, right):
            return False
        left = right
    return True


def _eval_call(node: ast.Call) -> Any:
    if not isinstance(node.func, ast.Name) or node.func.id not in _FUNCTIONS or node.keywords:
        raise CalculatorError(f"only {', '.join(_FUNCTIONS)} can be called")
    return _FUNCTIONS[node.func.id](*map(_evaluate, node.args))


def _eval_subscript(node: ast.Subscript) -> Any:
    if isinstance(node.slice, ast.Slice):
        raise CalculatorError("a slice is not arithmetic")
    return _evaluate(node.value)[_evaluate(node.slice)]


def _eval_dict(node: ast.Dict) -> dict[Any, Any]:
    if None in node.keys:
        raise CalculatorError("'**' is not arithmetic here")
    keys = [_evaluate(key) for key in node.keys if key is not None]
    return dict(zip(keys, map(_evaluate, node.values), strict=True))


_VISITORS: tuple[tuple[type[ast.expr], Callable[[Any], Any]], ...] = (
    (ast.Constant, _eval_constant),
    (ast.BinOp, _eval_binary),
    (ast.UnaryOp, lambda node: _UNARY[type(node.op)](_evaluate(node.operand))),
    (ast.BoolOp, _eval_boolean),
    (ast.Compare, _eval_comparison),
    (ast.IfExp, lambda node: _evaluate(node.body) if _evaluate(node.test) else _evaluate(node.orelse)),
    (ast.Tuple, lambda node: tuple(map(_evaluate, node.elts))),
    (ast.List, lambda node: list(map(_evaluate, node.elts))),
    (ast.Set, lambda node: set(map(_evaluate, node.elts))),
    (ast.Dict, _eval_dict),
    (ast.Call, _eval_call),
    (ast.Subscript, _eval_subscript),
)
