"""Does model-written source compile, and does it define ``evaluate`` as asked? Runs nothing.

Size and nesting are bounded first, so that no source can bring this process down. Both bounds are ours: how
deep a source may be nested for Python's own compiler differs from one Python to the next.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from itertools import accumulate

from selfchal.core.sandbox import MAX_SOURCE
from selfchal.sandbox.compiled import compiled, tree_of

# Levels of the syntax tree. What walks or writes a tree by recursion (ast.unparse takes five calls a level)
# stays far from Python's limit of 1,000 calls; sound code has some twenty levels.
MAX_NESTING = 100


class SourceError(ValueError):
    """The source cannot be used; the message is for the one who wrote it."""


def parse_source(source: str, what: str) -> ast.Module:
    """Parse a piece of a task; the tree is shared, only to be read.

    Raises SourceError with line and cause.
    """
    if not source.strip():
        raise SourceError(f"{what} is empty")
    if len(source) > MAX_SOURCE:
        raise SourceError(f"{what} is {len(source):,} characters long; at most {MAX_SOURCE:,} are read")
    try:
        tree, levels = _parse(source)
        if levels <= MAX_NESTING:
            compiled(source)
            return tree
    except SyntaxError as error:
        where = f"line {error.lineno}: {(error.text or '').strip()[:200]!r}"
        raise SourceError(f"{what} does not compile: {type(error).__name__}: {error.msg} ({where})") from None
    except (ValueError, MemoryError, RecursionError, OverflowError, UnicodeError) as error:
        raise SourceError(f"{what} does not compile: {type(error).__name__}: {str(error)[:200]}") from None
    raise SourceError(f"{what} is nested {levels:,} levels deep; at most {MAX_NESTING} are read")


@lru_cache(maxsize=64)
def _parse(source: str) -> tuple[ast.Module, int]:
    """The tree, and how many levels it has; every check asks for those of the same few sources.

    Raises what ``ast.parse`` raises.
    """
    tree = tree_of(source)
    level: list[ast.AST] = [tree]
    levels = 0
    while level:
        levels += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return tree, levels


@lru_cache(maxsize=64)
def nodes_of(tree: ast.Module) -> tuple[ast.AST, ...]:
    """As ``ast.walk``, in another order and in half the time; kept, as ``parse_source`` keeps its trees."""
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
    what = "the evaluation function"
    tree = parse_source(source, what)
    defined = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "evaluate"
    ]
    if not defined:
        raise SourceError(f"{what} must define a function named evaluate at its top level")
    function = defined[-1]
    if isinstance(function, ast.AsyncFunctionDef):
        raise SourceError(f"{what} must be a plain function, not async")
    arguments = function.args
    count = len(arguments.posonlyargs) + len(arguments.args)
    if count > 1 or arguments.vararg or arguments.kwarg or arguments.kwonlyargs:
        raise SourceError(f"{what} must be evaluate() or evaluate(answer), with no other parameter")
    return tree
