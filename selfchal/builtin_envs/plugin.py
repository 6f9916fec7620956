"""Registers the built-in environments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from selfchal.core.hookspecs import hookimpl

if TYPE_CHECKING:
    from selfchal.core.environment import Environment


@hookimpl
def register_environments() -> Iterable[type[Environment]]:
    from selfchal.builtin_envs.calculation.environment import Calculation

    return [Calculation]
