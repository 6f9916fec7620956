"""The attack suite: what hostile code would try, as data, and a runner for any sandbox.

``run_attacks(sandbox)`` is what ``selfchal sandbox check`` calls; it depends on the Sandbox protocol only.
"""

from __future__ import annotations

from selfchal.core.attacks.attack import Attack
from selfchal.core.attacks.run import Outcome, Report, Result, all_attacks, run_attacks

__all__ = ["Attack", "Outcome", "Report", "Result", "all_attacks", "run_attacks"]
