"""The standard checks, for a judge that is made without a manifest."""

from __future__ import annotations

from selfchal.core.judge import AnyCheck
from selfchal.judging.checks.completeness import Completeness
from selfchal.judging.checks.dependence import Dependence
from selfchal.judging.checks.novelty import Novelty
from selfchal.judging.checks.stability import Stability
from selfchal.judging.checks.strength import Strength

# In the order in which they judge, as ``selfchal.core.judge.STANDARD_CHECKS`` names them.
STANDARD = (Stability, Dependence, Strength, Completeness, Novelty)


def make_standard_checks() -> list[AnyCheck]:
    """One of each, with the options that it has by default."""
    return [check() for check in STANDARD]
