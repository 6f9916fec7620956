"""Modules whose names are looked up when they are first used say them twice: for Python and for type checkers."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from types import ModuleType
from typing import get_origin


def check_name(module: ModuleType, name: str) -> None:
    """The name is there, is the one of the module that it comes from, and is documented."""
    value = getattr(module, name)
    assert value is getattr(importlib.import_module(module._MODULES[name]), name)
    assert (value.__doc__ or "").strip() or get_origin(value), "an alias of a type says itself what it is"


def check_names_alike(module: ModuleType) -> None:
    """What stands under ``TYPE_CHECKING`` are the names that the module gives, each from the same place."""
    assert module.__file__ is not None
    (branch,) = (
        node
        for node in ast.parse(Path(module.__file__).read_text()).body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name)
    )
    seen = {
        alias.name: node.module
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == module._MODULES
    assert sorted(seen) == sorted(module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)
