"""Handlers of errors that say so when they catch one.

Beside other runs, in one process, a run may be out of stack or memory earlier than alone, and code that goes
on after such an error could tell. The handlers call a function of ``selfchal.judging.guest.runs``.
"""

from __future__ import annotations

import ast

from selfchal.core.sandbox import MAX_SOURCE
from selfchal.judging.source.parse import by_lines, nodes_of, parse_source

CAUGHT = b"_noticed()"


def hook_excepts(source: str) -> str:
    """The source with a call at the start of each ``except``; as it is where that would be too long to parse.

    Raises SourceError.
    """
    if "except" not in source:
        return source
    handlers = [
        node for node in nodes_of(parse_source(source, "code")) if isinstance(node, ast.ExceptHandler)
    ]
    data, starts = by_lines(source)
    for first in sorted((handler.body[0] for handler in handlers), key=_get_line, reverse=True):
        line = starts[_get_line(first) - 1]
        offset = line + first.col_offset
        before = data[line:offset]
        # On a line of its own the first statement may be one that cannot follow a semicolon.
        alone = not before.strip() and not data[:line].endswith(b"\\\n")
        data = data[:offset] + CAUGHT + (b"\n" + before if alone else b"; ") + data[offset:]
    longer = data.decode()
    return longer if len(longer) <= MAX_SOURCE else source


def _get_line(first: ast.stmt) -> int:
    """The line at which the statement starts, decorators included."""
    decorators: list[ast.expr] = getattr(first, "decorator_list", [])
    return min([first.lineno, *(one.lineno for one in decorators)])
