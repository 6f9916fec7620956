"""Where code acts: what an agent, a challenger and the judge of one environment share."""

from __future__ import annotations

from dataclasses import dataclass

from selfchal.core.environment import Environment
from selfchal.core.sandbox import Limits, Sandbox


@dataclass(frozen=True)
class Arena:
    """An environment, the sandbox in which code reaches its tools, and what one execution may use."""

    environment: Environment
    sandbox: Sandbox
    limits: Limits
