"""The tree of a source, for a host that takes it apart."""

from __future__ import annotations

import ast

from selfchal.parsing import parse_python
from selfchal.sandbox.compiling.outcome import Refused
from selfchal.sandbox.compiling.service import compile_source

# What walks a tree by recursion, ``ast.unparse`` among them, takes up to five frames a level of the thousand
# that there are. The deepest file of the standard library has 33 levels.
MAX_DEPTH = 100
MAX_NODES = 8_000  # 20,000 characters of honest code have at most 6,500
_MAX_BITS = 14_000  # of an integer; Python writes no more than 4,300 decimals


def parse_tree(source: str) -> ast.Module | Refused:
    """A tree of its own for each who asks, of at most ``MAX_DEPTH`` levels and ``MAX_NODES`` nodes.

    The parser takes a time that grows with the source's length alone, at most 0.2 s for the longest that is
    read; so what a worker was able to compile can be parsed here. Raises SandboxError as ``compile_source``.
    """
    outcome = compile_source(source)
    if isinstance(outcome, Refused):
        return outcome
    try:
        tree: ast.Module = parse_python(source)
    except (RecursionError, MemoryError) as error:
        return Refused(f"it cannot be parsed ({type(error).__name__})", too_complex=True)
    return _find_excess(tree) or tree


def _find_excess(tree: ast.Module) -> Refused | None:
    """Level by level, without recursion."""
    level: list[ast.AST] = [tree]
    nodes = depth = 0
    while level:
        nodes += len(level)
        depth += 1
        if any(map(_is_endless, level)):
            return Refused("it has a number that is too long to be written in decimals", too_complex=True)
        level = _list_children(level)
    if depth > MAX_DEPTH:
        return Refused(f"it is nested {depth:,} levels deep; at most {MAX_DEPTH} are read", too_complex=True)
    if nodes > MAX_NODES:
        return Refused(f"it has {nodes:,} parts; at most {MAX_NODES:,} are read", too_complex=True)
    return None


def _is_endless(node: ast.AST) -> bool:
    """An integer, written in another base, for which ``str`` raises a ValueError."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, int):
        return False
    return node.value.bit_length() > _MAX_BITS


def _list_children(nodes: list[ast.AST]) -> list[ast.AST]:
    """As ``ast.iter_child_nodes`` of all of them, in half the time."""
    children: list[ast.AST] = []
    for node in nodes:
        for part in node.__dict__.values():
            if isinstance(part, ast.AST):
                children.append(part)
            elif isinstance(part, list):
                children += [inner for inner in part if isinstance(inner, ast.AST)]
    return children
