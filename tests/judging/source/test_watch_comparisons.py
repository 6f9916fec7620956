"""Watched code decides as it did before."""

from __future__ import annotations

from typing import Any

import pytest

from selfchal.judging.guest.comparisons import Comparisons
from selfchal.judging.source.watch_comparisons import watch_comparisons

SOURCES = [
    "def evaluate(answer):\n    return 1 < len(str(answer)) <= 3 != 4",
    "def evaluate(answer):\n    return answer in ('ab', 'c') or not answer",
    "def evaluate(answer):\n    if str(answer).startswith('a') and answer is not None:\n        return True\n    return False",
    "def evaluate(answer):\n    return {'ab': True}.get(answer, False)",
    "def evaluate(answer):\n    return any(c == 'b' for c in str(answer) if c.isalpha())",
    "def evaluate(answer):\n    return True if answer not in [1, 2] else answer >= 2",
    "def evaluate(answer):\n    return f'{answer == 1}' == 'True'",
]


@pytest.mark.parametrize("source", SOURCES)
def test_watched_code_gives_what_the_code_gives(source: str) -> None:
    comparisons = Comparisons()
    plain: dict[str, Any] = {}
    watched: dict[str, Any] = dict(comparisons.names)
    exec(source, plain)
    exec(watch_comparisons(source), watched)
    for answer in ("ab", "c", "", 1, 2, None, "abcd"):
        comparisons.start()
        assert watched["evaluate"](answer) == plain["evaluate"](answer)
        assert comparisons.distances
