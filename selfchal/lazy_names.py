"""Public names that are looked up when they are first used: a module of them costs nothing to import."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping


def look_up_names(module: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """A module's ``__getattr__``: ``homes`` says for each of its names in which module it is defined."""

    def look_up(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(homes[name]), name)
        setattr(sys.modules[module], name, value)  # so that it is looked up once
        return value

    return look_up
