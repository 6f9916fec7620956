"""Code that works an answer out and does not assign it to ``result``, as small models write it."""

from __future__ import annotations

import ast

from selfchal.judging.source.parse import SourceError, nodes_of, parse_source, takes_answer

ANSWER = "result"


def looks_at_answer(evaluate: str) -> bool:
    """Does this ``evaluate`` look at an answer? Not where it cannot be parsed."""
    try:
        return takes_answer(evaluate)
    except SourceError:
        return False


def assign_result(source: str) -> str:
    """With what its last statement assigns, or is, as the result; unchanged where it says ``result``."""
    try:
        tree = parse_source(source, "the code")
    except SourceError:
        return source
    if any(isinstance(node, ast.Name) and node.id == ANSWER for node in nodes_of(tree)):
        return source
    last = tree.body[-1]
    if isinstance(last, ast.Assign) and isinstance(last.targets[0], ast.Name):
        return f"{source}\n{ANSWER} = {last.targets[0].id}"
    if isinstance(last, ast.Expr) and not _is_print(last.value):
        lines = source.split("\n")
        if last.col_offset == 0:  # nothing else stands before it on its line
            lines[last.lineno - 1] = f"{ANSWER} = {lines[last.lineno - 1]}"
            return "\n".join(lines)
    return source


def _is_print(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print"
