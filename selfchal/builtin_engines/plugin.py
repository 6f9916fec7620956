"""The plugin that registers the built-in engines."""

from __future__ import annotations

from selfchal.builtin_engines.local import LocalEngine
from selfchal.builtin_engines.ray_engine import RayEngine
from selfchal.core.engine import Engine
from selfchal.core.hookspecs import hookimpl


@hookimpl
def register_engines() -> list[type[Engine]]:
    return [LocalEngine, RayEngine]
