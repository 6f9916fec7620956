"""The reward of a challenger that is trained: validity first, then a pass rate in the middle, then novelty.

An invalid task earns 0, never less: punishing invalid proposals teaches a challenger to propose nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selfchal.core.judge import Verdict

_FLOOR = 0.1  # a valid task that nobody or everybody solves
_TWIN = 0.5


def repeated_task(verdict: Verdict) -> str:
    """The id of the task that this one fell for repeating, which the check ``novelty`` says; or empty."""
    noted: Mapping[str, str] = verdict.diagnostics.get("novelty", {})
    return noted.get("near_duplicate_of", "")


def challenger_reward(verdict: Verdict, rewards: Sequence[float], twins: int = 0) -> float:
    """Between 0 and 1: 0 for a task that did not pass the judge, else 4p(1-p) of its pass rate p under the
    policy with a small floor, halved for each near-duplicate of it among the proposals. A task that fell only
    for being a near-duplicate is as good as the one that it repeats."""
    if not verdict.passed and not repeated_task(verdict):
        return 0.0
    rate = sum(rewards) / len(rewards) if rewards else 0.5
    return float(max(_FLOOR, 4 * rate * (1 - rate)) * _TWIN**twins)
