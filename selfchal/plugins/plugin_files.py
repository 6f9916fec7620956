"""Plugins without a package: Python files that a command or a manifest names, for the first hour.

They are kept in an environment variable, so that the processes that a run starts load them too.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from selfchal.core.errors import PluginError

FILES_VARIABLE = "SELFCHAL_PLUGIN_FILES"
PREFIX = "selfchal_plugin_file_"


def use_plugin_files(paths: Iterable[str | Path]) -> None:
    """Load these files as plugins from now on. Raises PluginError for what is no Python file."""
    known = list_plugin_files()
    for path in map(Path, paths):
        whole = path.expanduser().absolute()
        if whole.suffix != ".py":
            raise PluginError(f"{path} cannot be loaded as a plugin: its name does not end in .py")
        if not whole.is_file():
            raise PluginError(f"{path} cannot be loaded as a plugin: there is no such file")
        if whole not in known:
            known.append(whole)
    os.environ[FILES_VARIABLE] = os.pathsep.join(map(str, known))


def list_plugin_files() -> list[Path]:
    """The files that are to be loaded, in the order in which they were named."""
    return [Path(text) for text in os.environ.get(FILES_VARIABLE, "").split(os.pathsep) if text]


def import_plugin_file(path: Path) -> ModuleType:
    """Its module, the same each time, so that its classes are. Raises whatever the file raises."""
    name = PREFIX + re.sub(r"\W", "_", str(path))
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
