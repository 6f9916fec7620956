"""Which names of selfchal a file imports that are not public.

Public are ``selfchal`` itself, ``selfchal.on_policy``, ``selfchal.remote``, and ``selfchal.testing`` with the
modules in it.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

from selfchal.parsing import parse_python
from selfchal.text_files import read_text_file

OPEN = (
    "selfchal",
    "selfchal.on_policy",
    "selfchal.remote",
)  # modules whose public names their ``__all__`` lists
TESTING = "selfchal.testing"


def find_private_imports(path: Path) -> Iterator[str]:
    """A sentence for each import of a file that is not public, with its line."""
    for node in ast.walk(parse_python(read_text_file(path))):
        if isinstance(node, ast.Import):
            named = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            named = [(str(node.module), alias.name) for alias in node.names]
        else:
            continue
        for module, name in named:
            if module.partition(".")[0] == "selfchal" and not _is_public(module, name):
                what = f"{module}.{name}" if name else module
                yield f"line {node.lineno} of {path} imports {what}, which is not public{_suggest(name)}"


def _is_public(module: str, name: str) -> bool:
    if f"{module}.{name}".startswith(f"{TESTING}."):
        return not any(part.startswith("_") for part in f"{module}.{name}".split("."))
    if not name:
        return module in OPEN
    if module == "selfchal" and f"selfchal.{name}" in (*OPEN, TESTING):
        return True
    return module in OPEN and name in (*importlib.import_module(module).__all__, "__version__")


def _suggest(name: str) -> str:
    found = [module for module in OPEN if name in importlib.import_module(module).__all__]
    return f"; from {found[0]} import {name} is" if found else ""
