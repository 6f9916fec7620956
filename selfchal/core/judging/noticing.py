"""Handlers of errors that say so when they catch one.

In company a run may be out of stack or memory earlier than alone, and code that goes on after such an error
could tell. See ``batch`` for the function that the handlers call.
"""

from __future__ import annotations

import ast

from selfchal.core.judging.source import by_lines, nodes_of, parse_source
from selfchal.core.sandbox import MAX_SOURCE

NOTICED = b"_noticed()"


def noticing(source: str) -> str:
    """The source with a call at the start of each ``except``; as it is where that would be too long to parse.

    Raises SourceError.
    """
    if "except" not in source:
        return source
    handlers = [
        node for node in nodes_of(parse_source(source, "code")) if isinstance(node, ast.ExceptHandler)
    ]
    data, starts = by_lines(source)
    for first in sorted((handler.body[0] for handler in handlers), key=_line, reverse=True):
        line = starts[_line(first) - 1]
        place = line + first.col_offset
        before = data[line:place]
        # On a line of its own the first statement may be one that cannot follow a semicolon.
        alone = not before.strip() and not data[:line].endswith(b"\\\n")
        data = data[:place] + NOTICED + (b"\n" + before if alone else b"; ") + data[place:]
    longer = data.decode()
    return longer if len(longer) <= MAX_SOURCE else source


def _line(first: ast.stmt) -> int:
    """Where the statement starts, with its decorators."""
    decorators: list[ast.expr] = getattr(first, "decorator_list", [])
    return min([first.lineno, *(one.lineno for one in decorators)])
