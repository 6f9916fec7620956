"""What a run may spend in all its stages together, the last evaluation included.

The first evaluation is never cut. What it took is kept back for the one after training, which is on the same
tasks. Proposing and training end early where the rest is used up, and the run goes on with what there is.
"""

from __future__ import annotations

from collections.abc import Iterator

from selfchal.pipeline.context import RunContext
from selfchal.pipeline.costs import PURPOSES, compute_money

_KEPT_BACK = ", with what the last evaluation takes kept back"
_FIRST_EVALUATIONS = ("before", "exam before")


def find_exhausted(context: RunContext) -> str:
    """What is used up, as a sentence; empty while nothing is."""
    return next(_list_exhausted(context), "")


def _list_exhausted(context: RunContext) -> Iterator[str]:
    budget, ledger, manifest = context.manifest.settings.budget, context.ledger, context.manifest
    if budget.minutes is not None:
        seconds = context.store.fact("seconds", {})
        kept_back = seconds.get("evaluate before", 0.0) if manifest.trainer else 0.0
        if context.clock.seconds + kept_back >= 60 * budget.minutes:
            yield f"the budget of {budget.minutes:g} minutes is used up{_KEPT_BACK}"
    if budget.tokens is None and budget.money is None:
        return
    spent = {purpose: ledger.total(purpose) for purpose in PURPOSES}
    if manifest.trainer:
        first = [ledger.total("evaluate", f"{when}/") for when in _FIRST_EVALUATIONS]
        spent["evaluate"] = sum(first, spent["evaluate"])
    if budget.tokens is not None and sum(usage.sampled for usage in spent.values()) >= budget.tokens:
        yield f"the budget of {budget.tokens:,} tokens is used up{_KEPT_BACK}"
    money = compute_money(manifest, spent)
    if budget.money is not None and money is not None and money >= budget.money:
        yield f"the budget of {budget.money:g} in money is used up{_KEPT_BACK}"
