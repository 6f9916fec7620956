"""What a run that has not ended has cost so far, in the prices of its models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from selfchal.browsing.index import RunIndex
from selfchal.browsing.runs import RunSummary
from selfchal.core.model import Prices
from selfchal.pipeline.costs import Usage

_PRICES = ("price_in", "price_out")  # options of a model that is paid for; others have neither
_ACTORS = {
    "exam": ("challenger", "model"),
    "challenge": ("challenger", "model"),
    "train": ("teacher", "model"),
    "evaluate": ("model",),
}


def is_priced(summary: RunSummary) -> bool:
    """Can it be said what the stored episodes of a run cost that has no results yet?"""
    return not summary.results and any(
        _find_prices(summary.manifest, purpose) not in (None, Prices()) for purpose in _ACTORS
    )


def measure_money(summary: RunSummary, index: RunIndex) -> float | None:
    """What the stored episodes cost, as far as they are indexed; None where a price is not known, or
    nothing costs anything. What a run spent on work that it never stored is in nobody's books."""
    if not is_priced(summary):
        return None
    query = (
        "SELECT purpose, sum(episodes) n, sum(sampled) sampled, sum(read) read FROM stages GROUP BY purpose"
    )
    total = 0.0
    for row in index.ask(query):
        if not row["n"]:
            continue
        prices = _find_prices(summary.manifest, row["purpose"])
        if prices is None:
            return None
        total += Usage(row["n"], row["sampled"], row["read"]).price(prices)
    return total or None


def _find_prices(manifest: Mapping[str, Any], purpose: str) -> Prices | None:
    """Of the model whose episodes these are; None where they are not known. A model without the options costs
    nothing."""
    sections = (manifest.get(name) for name in _ACTORS.get(purpose, ("model",)))
    section = next((each for each in sections if isinstance(each, Mapping)), {})
    said = [section.get(name) or 0.0 for name in _PRICES]
    if not any(name in section for name in _PRICES):
        return Prices()
    if not all(isinstance(price, int | float) and 0 <= price < math.inf for price in said):
        return None
    return Prices(*map(float, said)) if any(said) else None
