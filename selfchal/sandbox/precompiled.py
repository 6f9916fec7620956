"""Source compiled by the host, for a child that runs the very same Python.

Compiling is a third of what a child of the process sandbox does: it touches 170 pages that loading compiled
code does not. The host compiles what it has compiled before anyway (the judge parses every task) and
remembers it: ``evaluate`` runs after every episode.
"""

from __future__ import annotations

import marshal
from functools import lru_cache

from selfchal.core.sandbox import MAX_SOURCE
from selfchal.sandbox.compiled import compiled


@lru_cache(maxsize=256)
def precompiled(source: str) -> str | None:
    """The code object, marshalled, in hexadecimal; None where the child had better compile (and complain)."""
    if len(source) > MAX_SOURCE:
        return None
    try:
        return marshal.dumps(compiled(source)).hex()
    except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError):
        return None
