"""Plain code: what it does follows from its tools' answers alone, whatever the hash seed and the clock.

Read off the syntax tree. Plain code names its own variables, its tools and a few builtin functions, imports
no module but ``math``, makes no set and looks behind nothing (no name with an underscore in front).
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterable

from selfchal.core.judging.source import nodes_of, parse_source

SET_OPERATORS = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.Sub)
_FUNCTIONS = frozenset({
    "abs", "all", "any", "bool", "dict", "divmod", "enumerate", "filter", "float", "int", "isinstance", "iter",
    "len", "list", "map", "max", "min", "next", "print", "range", "repr", "reversed", "round", "sorted", "str",
    "sum", "tuple", "zip", "ToolError",
})  # fmt: skip
_ERRORS = frozenset(name for name in vars(builtins) if name.endswith(("Error", "Exception")))
_VIEWS = frozenset({"keys", "items"})  # of a dict: operators make sets of them


def all_plain(sources: Iterable[str], tools: Collection[str]) -> bool:
    """Of sources that were parsed before."""
    known = _FUNCTIONS | _ERRORS | frozenset(tools)
    return all(_is_plain(list(nodes_of(parse_source(source, "code"))), known) for source in sources)


def _is_plain(nodes: list[ast.AST], known: frozenset[str]) -> bool:
    own = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {node.name or "" for node in nodes if isinstance(node, ast.FunctionDef | ast.ExceptHandler)}
    if any(isinstance(node, ast.Import) for node in nodes):
        own.add("math")
    views = any(isinstance(node, ast.Attribute) and node.attr in _VIEWS for node in nodes)
    return not any(_reaches(node, own | known, views) for node in nodes)


def _reaches(node: ast.AST, known: Collection[str], views: bool) -> bool:
    """Could this be where something else comes in?"""
    match node:
        case ast.Name(id=name):
            return name not in known or name.startswith("_")
        case ast.Attribute(attr=name):
            return name.startswith("_") or name in ("format", "format_map")
        case ast.BinOp(op=op) | ast.AugAssign(op=op):
            return views and isinstance(op, SET_OPERATORS)
        case ast.Import(names=names):
            return any(alias.name != "math" or alias.asname for alias in names)
    return isinstance(node, ast.Set | ast.SetComp | ast.ImportFrom | ast.ClassDef)
