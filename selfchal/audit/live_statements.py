"""The statements of a Python test that count: those that are reached, and can make it fail."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence

Function = ast.FunctionDef | ast.AsyncFunctionDef
_COMPARES = re.compile(r"assert|raises|fail|check|verif|expect|validate|exit|compare|approx", re.IGNORECASE)
_HARMLESS = re.compile(r"(^|\.)(print|str|len|repr|Path|bool|exists|is_file|isfile|is_dir|isdir)$")
_BUILTINS = frozenset(dir(builtins))
Imports = ast.Import | ast.ImportFrom
RAISING = ast.Subscript | Imports | ast.BinOp | ast.Await | ast.With | ast.For | ast.Delete


def list_comparisons(function: Function) -> list[ast.AST]:
    """What in a test can make it fail: asserts that can be false, errors, calls named like checks."""
    return [node for node in walk_live(function.body) if _can_fail(node)]


def may_raise(function: Function) -> bool:
    """Does a test call, look up or take apart what may end it with an error, as a helper may?"""
    nodes = list(walk_live(function.body))
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    given = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in nodes:
        if isinstance(node, ast.Name) and id(node) not in called and node.id not in given | _BUILTINS:
            return True  # nobody knows what it is
        if isinstance(node, ast.Attribute) and id(node) not in called:
            return True
        if isinstance(node, RAISING):
            return True
        if isinstance(node, ast.Call) and not _HARMLESS.search(ast.unparse(node.func)[-200:]):
            return True
    return False


def fails_by_itself(tree: ast.Module) -> bool:
    """May a file of tests fail before any test of it runs, by what stands outside of its functions?"""
    outside = [node for node in tree.body if not isinstance(node, ast.ClassDef | Imports)]
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    outside += [inner for node in classes for inner in node.body]
    if any(isinstance(node, Function) and node.name.startswith("__") for node in outside):
        return True  # Python calls it
    return any(
        isinstance(inner, RAISING | ast.Call | ast.Assert | ast.Raise)
        for node in outside
        if not isinstance(node, Function)
        for inner in ast.walk(node)
    )


def walk_live(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    """The nodes of statements that are reached, without those whose failure is swallowed."""
    for statement in body:
        if isinstance(statement, ast.Return):
            return
        chosen = _choose_live(statement)
        if chosen is not None:
            yield from walk_live(chosen)
            continue
        yield statement
        for name, part in ast.iter_fields(statement):
            inner = part if isinstance(part, list) else [part]
            if name in ("body", "orelse", "finalbody") and all(isinstance(one, ast.stmt) for one in inner):
                yield from walk_live(inner)
                continue
            for one in inner:
                if isinstance(one, ast.ExceptHandler):
                    yield from walk_live(one.body)
                elif isinstance(one, ast.AST):
                    yield from ast.walk(one)


def _choose_live(statement: ast.stmt) -> Sequence[ast.stmt] | None:
    """Which statements of this one count, where some are never reached or their failure is swallowed; None
    where all count."""
    if _swallows_all(statement):
        return []
    if isinstance(statement, ast.Try) and any(map(_swallows, statement.handlers)):
        return [*statement.orelse, *statement.finalbody]
    if isinstance(statement, ast.If) and isinstance(statement.test, ast.Constant):
        return statement.body if statement.test.value else statement.orelse
    return None


def _swallows_all(statement: ast.stmt) -> bool:
    """Is it a ``finally`` that returns, or ``suppress`` of failed assertions?"""
    if isinstance(statement, ast.Try):
        return any(isinstance(node, ast.Return) for node in statement.finalbody)
    return isinstance(statement, ast.With) and any(
        re.match(r"(contextlib\.)?suppress\(.*\b(AssertionError|Exception|BaseException)\b", write(item))
        for item in statement.items
    )


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Does it catch a failed assertion and go on?"""
    caught = "" if handler.type is None else ast.unparse(handler.type)
    catches = not caught or re.search(r"\b(AssertionError|Exception|BaseException)\b", caught)
    silent = all(
        isinstance(node, ast.Pass | ast.Return | ast.Continue)
        or re.match(r"(print|logging|\.\.\.)", write(node))
        for node in handler.body
    )
    return bool(catches) and silent


def _can_fail(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return not _is_always_true(node.test)
    if isinstance(node, ast.Call):
        return bool(_COMPARES.search(ast.unparse(node.func)[:200]))
    return isinstance(node, ast.Raise)


def _is_always_true(test: ast.expr) -> bool:
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.Tuple):
        return bool(test.elts)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return any(map(_is_always_true, test.values))
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        left, right = test.left, test.comparators[0]
        calls = any(isinstance(node, ast.Call | ast.Await) for node in ast.walk(left))
        itself = not calls and ast.dump(left) == ast.dump(right)
        counts = isinstance(left, ast.Call) and write(left.func) == "len" and write(right) == "0"
        return (itself and isinstance(test.ops[0], ast.Eq | ast.Is | ast.LtE | ast.GtE)) or (
            counts and isinstance(test.ops[0], ast.GtE)
        )
    return False


def is_text(node: ast.stmt) -> bool:
    """Is it a docstring, or another text that stands alone?"""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def write(node: ast.AST) -> str:
    """The beginning of its source."""
    return ast.unparse(node)[:500]
