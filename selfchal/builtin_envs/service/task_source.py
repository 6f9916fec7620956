"""Reads tau-bench's tasks out of its Python files without running them.

A file is one assignment of a list of ``Task(...)`` calls with literal arguments and ``Action(...)``
calls inside; each call becomes a dict of its keywords. Whatever else stands there is refused.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from selfchal.core.errors import EnvironmentDataError
from selfchal.text_files import read_text_file

CONSTRUCTORS = ("Task", "Action")


def tasks_from_python(path: Path) -> list[dict[str, Any]]:
    """The tasks of one file. Raises EnvironmentDataError for a file of another form."""
    try:
        module = ast.parse(read_text_file(path), str(path))
    except (OSError, SyntaxError, ValueError) as error:
        raise EnvironmentDataError(f"{path} cannot be read as Python source: {error}.") from error
    for statement in module.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.List):
            return [_is_plain_call(element, path) for element in statement.value.elts]
    raise EnvironmentDataError(f"{path} assigns no list of tasks.")


def _is_plain_call(node: ast.expr, path: Path) -> Any:
    """The value of a literal, a list or dict of such, or a constructor call as a dict."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CONSTRUCTORS:
        return {keyword.arg: _is_plain_call(keyword.value, path) for keyword in node.keywords}
    if isinstance(node, ast.List):
        return [_is_plain_call(element, path) for element in node.elts]
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise EnvironmentDataError(f"{path}, line {node.lineno}: expected a literal, not code.") from error
