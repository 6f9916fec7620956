"""Which names of selfchal a file uses that are not public, and what stands for them.

Public are ``selfchal`` itself, the other ``MODULES``, and ``selfchal.testing`` with the modules in it.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

from selfchal.parsing import parse_python
from selfchal.text_files import read_text_file

# Modules whose public names their ``__all__`` lists.
MODULES = (
    "selfchal",
    "selfchal.decoding",
    "selfchal.memory",
    "selfchal.on_policy",
    "selfchal.remote",
    "selfchal.worlds",
)
TESTING = "selfchal.testing"
_MOST_NAMES = 6  # of a module that are suggested


def find_private_imports(path: Path) -> Iterator[str]:
    """A sentence for each use of a name that is not public, with its line."""
    for node in ast.walk(parse_python(read_text_file(path))):
        for module, name in _list_named(node):
            if module.partition(".")[0] == "selfchal" and not _is_public(module, name):
                what = f"{module}.{name}" if name else module
                line = f"line {getattr(node, 'lineno', 0)} of {path}"
                yield f"{line} imports {what}, which is not public{_suggest(module, name)}"


def _list_named(node: ast.AST) -> list[tuple[str, str]]:
    """Modules, and the names out of them, that this part of a program asks for."""
    match node:
        case ast.Import():
            return [(alias.name, "") for alias in node.names]
        case ast.ImportFrom(module=str(module), level=0):
            return [(module, alias.name) for alias in node.names]
        case ast.Attribute(value=ast.Name("selfchal"), attr=name) if not name.startswith("__"):
            return [("selfchal", name)]
        case ast.Call(
            func=ast.Attribute(attr="import_module") | ast.Name("import_module"),
            args=[ast.Constant(str(module)), *_],
        ):
            return [(module, "")]
    return []


def _is_public(module: str, name: str) -> bool:
    if f"{module}.{name}".startswith(f"{TESTING}."):
        return not any(part.startswith("_") for part in f"{module}.{name}".split("."))
    if not name:
        return module in MODULES
    if module == "selfchal" and f"selfchal.{name}" in (*MODULES, TESTING):
        return True
    return module in MODULES and name in (*importlib.import_module(module).__all__, "__version__", "*")


def _suggest(module: str, name: str) -> str:
    """The public name that is meant, or those that come from the module which is named."""
    for public in MODULES:
        if name in importlib.import_module(public).__all__:
            return f"; from {public} import {name} is"
    for public in MODULES[1:]:
        if f"{module}.".startswith(f"{public}."):
            return f"; from {public} import {', '.join(importlib.import_module(public).__all__)} is"
    for public in MODULES:
        if names := _list_names_of(public, {module, f"{module}.{name}"}):
            more = ", …" if len(names) > _MOST_NAMES else ""
            return f"; of {module} these are: from {public} import {', '.join(names[:_MOST_NAMES])}{more}"
    return ", and no public name stands for it: write your own, or ask for it to be made public"


def _list_names_of(public: str, homes: set[str]) -> list[str]:
    """The names that a public module has from these modules."""
    modules: dict[str, str] = getattr(importlib.import_module(public), "_MODULES", {})
    return [name for name, home in modules.items() if home in homes]
