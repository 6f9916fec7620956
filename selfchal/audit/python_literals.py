"""A list of tasks that a stranger's Python file assigns, read from its text. The file is never run.

It is parsed by a process that may die of it (``selfchal.judging.source.parse``).
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from selfchal.audit.task_sets import AuditError
from selfchal.judging.source.parse import SourceError, copy_tree
from selfchal.strangers.files import read_strange_text


def read_task_list(path: Path) -> list[Any]:
    """The first list that the file assigns. ``Task(instruction=…)`` is read as an object.

    Raises AuditError for a file that assigns none, or holds more than literals there.
    """
    text = read_strange_text(path)
    if text is None:
        raise AuditError(f"{path} cannot be read: it is no regular file, or too large")
    try:
        tree = copy_tree(text, str(path))
    except SourceError as error:
        raise AuditError(f"{path} is no Python source that can be read: {error}") from error
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.List):
            try:
                return [read_literal(element) for element in statement.value.elts]
            except (ValueError, TypeError, RecursionError) as error:
                raise AuditError(f"{path}, line {statement.lineno}: not only literals: {error}") from error
    raise AuditError(f"{path} assigns no list of tasks")


def read_literal(node: ast.expr) -> Any:
    """The value of a literal. Raises ValueError or TypeError for what is none."""
    if isinstance(node, ast.Call) and not node.args:
        return {word.arg or "": read_literal(word.value) for word in node.keywords}
    if isinstance(node, ast.List | ast.Tuple):
        return [read_literal(element) for element in node.elts]
    return ast.literal_eval(node)
