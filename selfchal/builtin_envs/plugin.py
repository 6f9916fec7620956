"""Registers the built-in environments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from selfchal.core.hookspecs import hookimpl

if TYPE_CHECKING:
    from selfchal.core.environment import Environment


@hookimpl
def register_environments() -> Iterable[type[Environment]]:
    from selfchal.builtin_envs.airline.environment import Airline
    from selfchal.builtin_envs.calculation.environment import Calculation
    from selfchal.builtin_envs.mcp.environment import Mcp
    from selfchal.builtin_envs.remote.harbor import Harbor
    from selfchal.builtin_envs.remote.openenv import OpenEnv
    from selfchal.builtin_envs.remote.tau2 import Tau2
    from selfchal.builtin_envs.remote.verifiers import Verifiers
    from selfchal.builtin_envs.retail.environment import Retail
    from selfchal.builtin_envs.web_browsing.environment import WebBrowsing

    return [Airline, Calculation, Harbor, Mcp, OpenEnv, Retail, Tau2, Verifiers, WebBrowsing]
