"""How many random examples a test tries: as many as it says, or more of them where time is of no matter."""

from __future__ import annotations

import os

from hypothesis import settings

FACTOR = int(os.environ.get("SELFCHAL_FUZZ_FACTOR", "1"))


def examples(count: int) -> int:
    """``count`` in an ordinary run, SELFCHAL_FUZZ_FACTOR times as many in ``make test-all``."""
    return count * FACTOR


def load_profile() -> None:
    """The same for the tests that do not say how many."""
    settings.register_profile("fuzz", max_examples=examples(settings.default.max_examples))
    settings.load_profile("fuzz")
