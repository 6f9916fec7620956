"""Makes one program of the modules in ``guest``: the text that a sandbox runs for a whole batch.

A process of the sandbox pays for each byte of it, so what only readers and type checkers need is left out.
The text is the same for every task, so the host compiles it once.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files

from selfchal.parsing import parse_python

MAIN = "main"  # the function of the program that takes the entry's arguments, as one list
_PACKAGE = "selfchal.judging.guest"
_FOR_TYPES = frozenset({"__future__", "collections.abc", "types", "typing"})  # imported for annotations alone


@cache
def guest_program(entry: str) -> str:
    """The source of a program that calls ``entry``, a function in the guest module of that name.

    The entry is given the program's tools by name, and then the arguments of ``MAIN``.
    """
    needed = [_strip_module(name) for name in dict.fromkeys(_list_needed(entry))]
    parts = [
        ast.unparse(_strip_module("isolation")),
        f"given = _take_tools(_take_tools.__globals__, {_list_builtins(needed)})",
        *map(ast.unparse, needed),
        f"def {MAIN}(arguments):\n    return {entry}(given, *arguments)",
    ]
    return "\n".join(parts) + "\n"


def _list_needed(module: str) -> Iterator[str]:
    """The module after all those that it imports; some more than once."""
    for node in _parse_module(module).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{_PACKAGE}."):
            yield from _list_needed(node.module.removeprefix(f"{_PACKAGE}."))
    yield module


def _list_builtins(trees: Sequence[ast.Module]) -> list[str]:
    """The names of builtins that stand in the code."""
    names = {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return sorted(names.intersection(vars(builtins)))


def _strip_module(name: str) -> ast.Module:
    stripped = _Stripper().visit(_parse_module(name))
    assert isinstance(stripped, ast.Module)
    return stripped


def _parse_module(name: str) -> ast.Module:
    tree: ast.Module = parse_python((files(_PACKAGE) / f"{name}.py").read_text(encoding="utf-8"))
    return tree


class _Stripper(ast.NodeTransformer):
    """Leaves out annotations, docstrings, and imports of other guest modules and of names of types."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        module = node.module or ""
        return None if module in _FOR_TYPES or module.startswith(f"{_PACKAGE}.") else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        return ast.copy_location(ast.Assign([node.target], node.value), node) if node.value else None

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.visit_ClassDef(node)

    def visit_ClassDef(self, node: ast.ClassDef | ast.FunctionDef | ast.Module) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
        return self.generic_visit(node)

    visit_Module = visit_ClassDef  # noqa: N815 — as the nodes are called
