"""What became of proposals, as counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from selfchal.core.synthesizer import Proposal


def name_check(check: str) -> str:
    """The check that refused a task, to be said after its stage; nothing where the paper's filter refused."""
    return f" (check {check!r})" if check else ""


def count_outcomes(proposals: Sequence[Proposal]) -> Counter[str]:
    """How many were kept, and at which stage the others fell."""
    return Counter("kept" if p.verdict.passed else f"not {p.verdict.stage}" for p in proposals)
