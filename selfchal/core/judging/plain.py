"""Plain code: what it does follows from its tools' answers alone, whatever the hash seed and the clock.

Read off the syntax tree. Plain code names its own variables, its tools and a few builtin functions, imports
no module but ``math``, makes no set and looks behind nothing (no name with an underscore in front).
"""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from selfchal.core.judging.source import nodes_of, parse_source

SET_OPERATORS = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.Sub)
_FUNCTIONS = frozenset({
    "abs", "all", "any", "bool", "dict", "divmod", "enumerate", "filter", "float", "int", "isinstance",
    "iter", "len", "list", "map", "max", "min", "next", "print", "range", "repr", "reversed", "round",
    "sorted", "str", "sum", "tuple", "zip", "ToolError",
})  # fmt: skip
_BUILTIN = frozenset(vars(builtins))
_ERRORS = frozenset(name for name in _BUILTIN if name.endswith(("Error", "Exception")))
_VIEWS = frozenset({"keys", "items"})  # of a dict: operators make sets of them
_FORMATS = frozenset({"format", "format_map"})  # "{0.__class__}" looks behind


def all_plain(sources: Iterable[str], tools: Collection[str]) -> bool:
    """Of sources that were parsed before."""
    known = _FUNCTIONS | _ERRORS | frozenset(tools)
    return all(_is_plain(list(nodes_of(parse_source(source, "code"))), known) for source in sources)


def _is_plain(nodes: list[ast.AST], known: frozenset[str]) -> bool:
    of: dict[type, list[Any]] = defaultdict(list)
    for node in nodes:
        of[node.__class__].append(node)
    own = {node.id for node in of[ast.Name] if node.ctx.__class__ is not ast.Load}
    own |= {node.arg for node in of[ast.arg]} | {
        node.name for node in (*of[ast.FunctionDef], *of[ast.ExceptHandler])
    }
    named = {node.id for node in of[ast.Name]}
    modules = {(alias.name, alias.asname) for node in of[ast.Import] for alias in node.names}
    attributes = {node.attr for node in of[ast.Attribute]}
    operators = {node.op.__class__ for node in (*of[ast.BinOp], *of[ast.AugAssign])}
    return (
        named <= (own - _BUILTIN) | known | {"math"}
        and modules <= {("math", None)}
        and not any(name.startswith("_") for name in named | attributes)
        and not attributes & _FORMATS
        and not (attributes & _VIEWS and operators.intersection(SET_OPERATORS))
        and not (of[ast.Set] or of[ast.SetComp] or of[ast.ImportFrom] or of[ast.ClassDef])
    )
