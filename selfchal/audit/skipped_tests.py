"""Is a Python test skipped whatever happens? Marks that hang on a condition say nothing here."""

from __future__ import annotations

import ast
import re

from selfchal.audit.live_statements import Function, is_text

_SKIPS = re.compile(r"((pytest\.)?mark\.|unittest\.|self\.|pytest\.)?(skip|skipif|skipIf|skipTest|xfail)")
XFAIL = "xfail"


def find_skip(tree: ast.Module | None, function: Function) -> str:
    """By what a test is skipped whatever happens: a decorator, its first statement, or the whole file. Empty
    where it is not. ``XFAIL``: it may fail without failing the run, unless settings make that strict."""
    body = [node for node in function.body if not is_text(node)]
    if body and isinstance(body[0], ast.Expr) and (ends := _read_skip(body[0].value)):
        return "skip" if ends == XFAIL else ends  # pytest.xfail() ends the test, whatever the settings
    marks = list(function.decorator_list)
    for node in tree.body if tree else ():
        if isinstance(node, ast.Expr) and re.match(r"pytest\.skip\(", ast.unparse(node)):
            return "skip"
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            marks += node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
    said = [skip for skip in map(_read_skip, marks) if skip]
    return min(said, key=lambda skip: skip == XFAIL, default="")


def _read_skip(mark: ast.expr) -> str:
    """``skip`` or ``xfail`` where this call or mark is one that hangs on nothing; otherwise empty."""
    call = mark if isinstance(mark, ast.Call) else ast.Call(mark, [], [])
    named = _SKIPS.fullmatch(ast.unparse(call.func))
    what = named[3].lower() if named else ""
    condition = call.args[0] if call.args else None
    if what == "skipif":
        return "skip" if isinstance(condition, ast.Constant) and condition.value is True else ""
    if what == XFAIL and ("mark." in ast.unparse(call.func)):
        asks = {"condition", "strict", "raises"} & {word.arg for word in call.keywords}
        return "" if condition is not None or asks else XFAIL
    return "skip" if what == "skiptest" else what
