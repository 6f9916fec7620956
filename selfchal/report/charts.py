"""The report's pictures as data for the template: bars with intervals, the funnel, curves as SVG paths."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfchal.core.world import Json

CURVE_WIDTH, CURVE_HEIGHT = 600, 120
SMOOTHING = 0.85  # weight of the past in the running mean that is drawn over the raw curve
FIRST_CURVES = ("pass@1", "reward", "zero_std_groups", "entropy", "kl", "loss", "invalid_actions", "length")


@dataclass(frozen=True)
class Bar:
    """One rate with its interval, all from 0 to 1; ``kind`` is its colour's name in the style sheet."""

    label: str
    kind: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Curve:
    """One metric over updates: SVG paths in a box of CURVE_WIDTH x CURVE_HEIGHT, and its end points."""

    label: str
    raw: str
    smooth: str
    least: float
    greatest: float
    first: float
    last: float
    updates: int
    first_rank: bool


def score_bars(part: Mapping[str, Json]) -> list[Bar]:
    """Doing nothing, every way to use the untrained model, and the trained one, on one test set."""
    bars = [Bar("doing nothing", "none", part["do_nothing"])]
    bars.append(_make_bar("before, sampled", "before", part["before"], "pass@1"))
    for mode, rates in part["elicitation"]["baselines"].items():
        label = f"before, {mode.replace('_', ', ').replace('forced', 'first action forced')}"
        bars.append(Bar(label, "before", rates["mean"], rates["low"], rates["high"]))
    if "after" in part:
        bars.append(_make_bar("after, sampled", "after", part["after"], "pass@1"))
        bars.append(_make_bar("after, greedy", "after", part["after"], "greedy"))
    return bars


def _make_bar(label: str, kind: str, rates: Mapping[str, Json], name: str) -> Bar:
    low, high = rates["intervals"][name]
    return Bar(label, kind, rates[name], low, high)


def curves_of(metrics: Mapping[str, Sequence[float]]) -> list[Curve]:
    """A curve for every metric that ever changes, the reward first."""
    order = sorted(metrics, key=lambda name: (_rank_curve(name), name))
    return [_draw_curve(name, metrics[name]) for name in order if len(set(metrics[name])) > 1]


def _rank_curve(name: str) -> int:
    return FIRST_CURVES.index(name) if name in FIRST_CURVES else len(FIRST_CURVES)


def _draw_curve(name: str, values: Sequence[float]) -> Curve:
    finite = [value for value in values if math.isfinite(value)]
    least, greatest = min(finite, default=0.0), max(finite, default=0.0)
    return Curve(
        label=name.replace("_", " "),
        raw=_draw_path(finite, least, greatest),
        smooth=_draw_path(_smooth(finite), least, greatest),
        least=least,
        greatest=greatest,
        first=finite[0] if finite else math.nan,
        last=finite[-1] if finite else math.nan,
        updates=len(values),
        first_rank=name in FIRST_CURVES,
    )


def _smooth(values: Sequence[float]) -> list[float]:
    """Running mean without the bias towards its start."""
    mean, weight, smooth = 0.0, 0.0, []
    for value in values:
        mean = SMOOTHING * mean + (1 - SMOOTHING) * value
        weight = SMOOTHING * weight + (1 - SMOOTHING)
        smooth.append(mean / weight)
    return smooth


def _draw_path(values: Sequence[float], least: float, greatest: float) -> str:
    span = (greatest - least) or 1.0
    step = CURVE_WIDTH / max(len(values) - 1, 1)
    points = [
        f"{i * step:.1f},{CURVE_HEIGHT * (1 - (value - least) / span):.1f}" for i, value in enumerate(values)
    ]
    return f"M{' L'.join(points)}" if points else ""
