"""Plain code: what it does follows from its tools' answers alone, whatever the hash seed, the clock, and what
else runs in its process.

Read off the syntax tree. Plain code names its own variables and a few builtin functions, calls its tools and
does nothing else with them, imports only modules that compute, and calls what it takes of them. It makes no
set, looks behind nothing (no name with an underscore in front, no frames), keeps no method of an object (its
text shows an address), sets no attribute, and asks for no identity but that of None, True and False. What is
left of the stack, the memory and the calls may be less in company: ``hook_excepts`` sees to that.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from selfchal.core.sandbox import MAX_SOURCE
from selfchal.judging.source.parse import nodes_of, parse_source

SET_OPERATORS = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.Sub)
_FUNCTIONS = frozenset({
    "abs", "all", "any", "bool", "dict", "divmod", "enumerate", "filter", "float", "int", "isinstance",
    "iter", "len", "list", "map", "max", "min", "next", "print", "range", "repr", "reversed", "round",
    "sorted", "str", "sum", "tuple", "zip", "ToolError",
})  # fmt: skip
_BUILTIN = frozenset(vars(builtins))
_ERRORS = frozenset(name for name in _BUILTIN if name.endswith(("Error", "Exception")))
# Of a module, the functions that only compute, and constants. Functions written in Python are called and not
# kept, for their text shows an address; those of ``math`` are not written in Python.
_CALLED = {
    "json": frozenset({"dumps", "loads"}),
    "re": frozenset({"compile", "escape", "findall", "fullmatch", "match", "search", "split", "sub", "subn"}),
}
_CONSTANTS = {
    "re": frozenset({"A", "ASCII", "I", "IGNORECASE", "M", "MULTILINE", "S", "DOTALL", "X", "VERBOSE"}),
    "string": frozenset({
        "ascii_letters", "ascii_lowercase", "ascii_uppercase", "digits", "punctuation", "whitespace",
    }),
}  # fmt: skip
_MODULES = frozenset({"math", *_CALLED, *_CONSTANTS})
_KEPT = frozenset({"args"})  # attributes that are no methods
_LAZY = frozenset({"finditer", "scanner"})  # methods of a pattern whose answer's text shows an address
_VIEWS = frozenset({"keys", "items"})  # of a dict: operators make sets of them
_FORMATS = frozenset({"format", "format_map"})  # "{0.__class__}" looks behind
# Of classes, generators, coroutines, code, frames and tracebacks.
_BEHIND = re.compile("_|mro$|(ag|co|cr|f|gi|tb)_")
_LONGEST = MAX_SOURCE // 3  # what ``hook_excepts`` adds to it can still be parsed


def all_pure(sources: Iterable[str], tools: Collection[str]) -> bool:
    """Whether all of these sources, which were parsed before, are pure."""
    return all(
        len(source) <= _LONGEST and _is_pure(nodes_of(parse_source(source, "code")), frozenset(tools))
        for source in sources
    )


def _is_pure(nodes: Sequence[ast.AST], tools: frozenset[str]) -> bool:
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
    attributes |= {name for node in of[ast.MatchClass] for name in node.kwd_attrs}
    operators = {node.op.__class__ for node in (*of[ast.BinOp], *of[ast.AugAssign])}
    return (
        named <= (own - _BUILTIN) | _FUNCTIONS | _ERRORS | tools | {name for name, _ in modules}
        and modules <= {(name, None) for name in _MODULES}
        and _uses_modules_only_to_compute(of, {name for name, _ in modules})
        and not any(name.startswith("_") for name in named)
        and not any(map(_BEHIND.match, attributes))
        and all(node.ctx.__class__ is ast.Load for node in of[ast.Attribute])
        and _is_only_called(of, tools)
        and not any(map(_asks_identity, of[ast.Compare]))
        and not any(node.finalbody for node in of[ast.Try])  # it can end an error
        and not any(node.decorator_list for node in of[ast.FunctionDef])
        and not attributes & (_FORMATS | _LAZY)
        and _KEPT.issuperset(name for node in of[ast.MatchClass] for name in node.kwd_attrs)
        and not (attributes & _VIEWS and operators.intersection(SET_OPERATORS))
        and not any(map(of.__getitem__, (ast.Set, ast.SetComp, ast.ImportFrom, ast.ClassDef, ast.TryStar)))
    )


def _is_only_called(of: Mapping[type, list[Any]], tools: frozenset[str]) -> bool:
    """A tool in another place than before its brackets could be printed, or asked for its attributes."""
    named = sum(node.id in tools for node in of[ast.Name])
    called = sum(node.func.__class__ is ast.Name and node.func.id in tools for node in of[ast.Call])
    return named == called


def _uses_modules_only_to_compute(of: Mapping[type, list[Any]], modules: set[str]) -> bool:
    """Whether all that is taken of modules is known and called, and no method of an object is kept."""
    called = {id(node.func) for node in of[ast.Call]}
    taken = 0  # attributes of modules
    for node in of[ast.Attribute]:
        module = node.value.id if node.value.__class__ is ast.Name else ""
        is_called = id(node) in called
        if module not in modules:
            if not (is_called or module in _FUNCTIONS or node.attr in _KEPT):
                return False
        elif (
            module == "math"
            or node.attr in _CONSTANTS.get(module, ())
            or (is_called and node.attr in _CALLED.get(module, ()))
        ):
            taken += 1
        else:
            return False
    return taken == sum(node.id in modules for node in of[ast.Name])


def _asks_identity(node: ast.Compare) -> bool:
    sides = [node.left, *node.comparators]
    return any(
        operator.__class__ in (ast.Is, ast.IsNot) and not any(map(_is_single, pair))
        for operator, pair in zip(node.ops, pairwise(sides), strict=True)
    )


def _is_single(node: ast.expr) -> bool:
    """Whether this node is None, True or False."""
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))
