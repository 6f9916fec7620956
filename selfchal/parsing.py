"""Python's parser for a process with threads."""

from __future__ import annotations

import ast
import threading
import warnings
from typing import Any, Literal

_LOCK = threading.Lock()


def parse_python(source: str, mode: Literal["exec", "eval"] = "exec", name: str = "<unknown>") -> Any:
    """``ast.parse``, by one thread at a time: an ``ast.Module`` or, for ``eval``, an ``ast.Expression``.

    CPython 3.11 counts how deep it is in a tree in one place for all threads, so that two that parse at once
    can both end in a SystemError. A doubtful escape or comparison in what a model wrote is no warning for the
    person at the terminal. ``name`` is what a SyntaxError calls the source. Raises what ``ast.parse`` raises.
    """
    with _LOCK, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"<(unknown|string)>\Z")
        return ast.parse(source, name, mode)
