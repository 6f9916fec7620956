"""Random examples: how many of them a test tries, and that no clock decides about them."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FACTOR = float(os.environ.get("SELFCHAL_FUZZ_FACTOR", "1"))


def examples(count: int) -> int:
    """``count`` in an ordinary run, SELFCHAL_FUZZ_FACTOR times as many in ``make test-all`` and on other Pythons."""
    return max(1, round(count * FACTOR))


def load_profile() -> None:
    """The settings of all tests by random examples; a test's own ``@settings`` start from them.

    Hypothesis fails an example that takes more than 200 ms, and a test whose examples are made slowly. On a
    machine that does other work both happen to sound tests.
    """
    settings.register_profile(
        "fuzz",
        max_examples=examples(settings.default.max_examples),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("fuzz")
