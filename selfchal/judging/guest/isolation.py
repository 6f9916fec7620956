"""Clears the namespace that a program begins in, so that the guest's code cannot be reached from it.

A sandbox hands a program its tools as global names. A tool may be called ``len`` or ``sorted``, and task code
may put another function into the module ``builtins``; the guest must meet neither.
"""

from __future__ import annotations

from typing import Any


def _take_tools(space: dict[str, Any], needed: list[str]) -> dict[str, Any]:
    """Empty the global names ``space``; returns what was in it, which task code begins with.

    Functions that are defined from then on find the ``needed`` builtins, and no others, in a dictionary of
    their own. This one is itself defined beside the tools, so it names no builtin.
    """
    import builtins

    given = space.copy()
    del given["_take_tools"]
    space.clear()
    space["__name__"] = given["__name__"]
    space["__builtins__"] = {name: builtins.__dict__[name] for name in needed}
    return given
