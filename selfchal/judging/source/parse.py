"""Does model-written source compile, and does it define ``evaluate`` as asked? Runs nothing.

It is compiled by a process that may die of it, so that no source can bring this one down.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from itertools import accumulate

from selfchal.sandbox.compiling import Refused, parse_tree

_EVALUATE = "the evaluation function"


class SourceError(ValueError):
    """The source cannot be used; the message is for the one who wrote it."""


def parse_source(source: str, what: str) -> ast.Module:
    """Parse a piece of a task; the tree is shared, only to be read.

    Raises SourceError with line and cause, and SandboxError where nothing can be compiled on this machine.
    """
    if not source.strip():
        raise SourceError(f"{what} is empty")
    return _get_tree(_parse(source), what)


def copy_tree(source: str, what: str) -> ast.Module:
    """Parse as ``parse_source`` does, into a tree of the caller's own that it may change."""
    return _get_tree(parse_tree(source), what)


def _get_tree(outcome: ast.Module | Refused, what: str) -> ast.Module:
    if isinstance(outcome, Refused):
        raise SourceError(outcome.describe(what))
    return outcome


# Every check asks for the trees of the same few sources. One of the largest takes 4 MB.
@lru_cache(maxsize=24)
def _parse(source: str) -> ast.Module | Refused:
    return parse_tree(source)


@lru_cache(maxsize=24)
def nodes_of(tree: ast.Module) -> tuple[ast.AST, ...]:
    """All nodes of a tree, as ``ast.walk`` gives them but in another order. The result is cached."""
    left: list[ast.AST] = [tree]
    nodes = []
    while left:
        node = left.pop()
        nodes.append(node)
        for name in node._fields:
            part = getattr(node, name, None)
            if isinstance(part, ast.AST):
                left.append(part)
            elif isinstance(part, list):
                left += [inner for inner in part if isinstance(inner, ast.AST)]
    return tuple(nodes)


def by_lines(source: str) -> tuple[bytes, list[int]]:
    """The source as the parser counts its lines, in bytes, and where each of them starts."""
    data = source.replace("\r\n", "\n").replace("\r", "\n").encode()
    return data, [0, *accumulate(len(line) + 1 for line in data.split(b"\n"))]


def parse_evaluate(source: str) -> ast.Module:
    """Parse ``evaluate``'s source as above; it must define the function with 0 or 1 parameters."""
    tree = parse_source(source, _EVALUATE)
    function = _find_evaluate(tree)
    if isinstance(function, ast.AsyncFunctionDef):
        raise SourceError(f"{_EVALUATE} must be a plain function, not async")
    arguments = function.args
    if _count_parameters(function) > 1 or arguments.vararg or arguments.kwarg or arguments.kwonlyargs:
        raise SourceError(f"{_EVALUATE} must be evaluate() or evaluate(answer), with no other parameter")
    return tree


def takes_answer(evaluate: str) -> bool:
    """Does this evaluate, checked before, look at an answer? Otherwise the final state alone counts."""
    return _count_parameters(_find_evaluate(parse_source(evaluate, _EVALUATE))) > 0


def _find_evaluate(tree: ast.Module) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """The last definition of it, which is the one that counts. Raises SourceError."""
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "evaluate":
            return node
    raise SourceError(f"{_EVALUATE} must define a function named evaluate at its top level")


def _count_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the parameters to which an answer can be given by position."""
    return len(function.args.posonlyargs) + len(function.args.args)
