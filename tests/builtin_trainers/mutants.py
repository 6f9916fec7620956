"""Makes every mutant of a module's source that differs in one sign, operator, comparison, reduction or factor."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Gt: ast.Lt,
    ast.Lt: ast.Gt,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
}
NAMES = {
    "minimum": "maximum",
    "maximum": "minimum",
    "mean": "sum",
    "sum": "mean",
    "ones_like": "zeros_like",
    "square": "abs",
    "exp": "expm1",
}


def mutants(module: ModuleType) -> Iterator[tuple[str, ModuleType]]:
    """Each mutant with the line and the text it was changed to."""
    assert module.__file__
    tree = ast.parse(Path(module.__file__).read_text())
    for index, node in enumerate(ast.walk(tree)):
        for change in _changes(node):
            mutated = copy.deepcopy(tree)
            target = list(ast.walk(mutated))[index]
            change(target)
            made = ModuleType(f"{module.__name__}_mutant")
            source = ast.unparse(mutated)
            exec(compile(source, module.__file__, "exec"), made.__dict__)
            line = getattr(node, "lineno", 0)
            yield f"line {line}: {ast.unparse(target)}", made


def _changes(node: ast.AST) -> Iterator[Callable[[ast.AST], None]]:
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS and not _is_annotation(node):
        yield lambda target: setattr(target, "op", OPERATORS[type(node.op)]())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        yield lambda target: setattr(target, "ops", [OPERATORS[type(node.ops[0])]()])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield lambda target: setattr(target, "op", ast.UAdd())
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield lambda target: setattr(target, "attr", NAMES[node.attr])
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and node.value == 0.5:
        yield lambda target: setattr(target, "value", 1.0)


def _is_annotation(node: ast.BinOp) -> bool:
    """``int | None`` in a signature is no arithmetic."""
    return isinstance(node.op, ast.BitOr) and any(
        isinstance(side, ast.Constant) and side.value is None for side in (node.left, node.right)
    )
