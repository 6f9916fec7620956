"""How much the compiler would make of a source, told before it is asked.

Four things make it take far more than the source is long. It writes the body of a ``finally`` once for each
way out of its ``try``, so that one inside the other doubles with each level. It sorts the names of patterns
that are joined by ``|`` pairwise. It asks each ``lambda`` around a name for that name. And it computes with
constants, and keeps every intermediate text or tuple until it is done. What remains is bounded by the
worker's limits. Standard library only: the worker runs it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

MAX_INSTRUCTIONS = 50_000  # 20,000 characters of honest code make 10,000
_EXITS = (ast.Return, ast.Break, ast.Continue)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_WITH = 8  # instructions of the end of a ``with``, for each way out
_BYTES = 64  # of a constant, that count as an instruction
_LARGEST = 4096  # characters or items of a product of constants that the compiler computes
_FEW_PRODUCTS = 64
_FEW_LAMBDAS = 100


class _Cost(NamedTuple):
    instructions: int = 0
    exits: int = 0  # ways out of the blocks around it
    length: int | None = None  # of a constant: characters or items; None of what is none


def may_be_costly(source: str) -> bool:
    """Whether ``count_instructions`` is worth its time; nearly no source of a task is."""
    return (
        "finally" in source
        or ("case" in source and "|" in source)
        or source.count("*") > _FEW_PRODUCTS
        or source.count("lambda") > _FEW_LAMBDAS  # then they may be nested too deep to be counted
    )


def count_instructions(tree: ast.AST) -> int:
    """About how many the compiler will write, constants' memory among them. Raises RecursionError."""
    return _measure(tree).instructions


def _measure(node: ast.AST) -> _Cost:
    if isinstance(node, ast.Try | ast.TryStar):
        return _measure_try(node)
    if isinstance(node, ast.BinOp):
        return _measure_operation(node)
    inner = _measure_all(ast.iter_child_nodes(node))
    if isinstance(node, ast.MatchOr):
        names = sum(isinstance(part, ast.MatchAs | ast.MatchStar) for part in ast.walk(node))
        return _Cost(inner.instructions + names * names // len(node.patterns), inner.exits)
    if isinstance(node, ast.With | ast.AsyncWith):
        return _Cost(inner.instructions + _WITH * (2 + inner.exits) * len(node.items), inner.exits)
    if isinstance(node, _SCOPES):
        return _Cost(inner.instructions + 1)
    return _Cost(inner.instructions + 1, inner.exits + isinstance(node, _EXITS), _measure_length(node))


def _measure_all(nodes: Iterable[ast.AST]) -> _Cost:
    instructions = exits = 0
    for node in nodes:
        cost = _measure(node)
        instructions += cost.instructions
        exits += cost.exits
    return _Cost(instructions, exits)


def _measure_try(node: ast.Try | ast.TryStar) -> _Cost:
    inner = _measure_all([*node.body, *node.handlers, *node.orelse])
    last = _measure_all(node.finalbody)
    times = 2 + inner.exits if node.finalbody else 0  # at its end, after an exception, before each way out
    return _Cost(inner.instructions + times * last.instructions + 1, inner.exits + times * last.exits)


def _measure_length(node: ast.AST) -> int | None:
    if isinstance(node, ast.Constant):
        return len(node.value) if isinstance(node.value, str | bytes) else 0
    if isinstance(node, ast.Tuple):
        return len(node.elts)
    return None


def _measure_operation(node: ast.BinOp) -> _Cost:
    """Of a sum or product of constants: as many instructions as its value would take memory."""
    left, right = _measure(node.left), _measure(node.right)
    instructions = left.instructions + right.instructions + 1
    exits = left.exits + right.exits
    if left.length is None or right.length is None:
        return _Cost(instructions, exits)
    length = left.length + right.length
    if isinstance(node.op, ast.Mult):
        length = _LARGEST if length else 0
    return _Cost(instructions + length // _BYTES, exits, length)
