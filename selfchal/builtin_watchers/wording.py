"""The words and pictures of the progress display, whether it is drawn live or printed as lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

CURVE_WIDTH = 48
# Of all that a trainer logs, what is worth a line; metrics.jsonl has the rest.
SHOWN = (
    "reward",
    "zero_std_groups",
    "entropy",
    "kl",
    "invalid_actions",
    "loss",
    "seconds_rollout",
    "seconds_update",
)
_BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass
class StageView:
    """What is shown of the stage under way. ``started`` is a time of ``time.monotonic``."""

    name: str
    unit: str
    total: int | None
    count_done: Callable[[], int]
    started: float
    counts: Mapping[str, int] = field(default_factory=dict)
    rewards: list[float] = field(default_factory=list)  # one an update
    latest: str = ""  # the last update's metrics, as words

    def format_amount(self) -> str:
        return f"{self.count_done()}{f'/{self.total}' if self.total else ''} {self.unit}"

    def format_left(self, now: float) -> str:
        """How long the stage has still to go, from its average speed so far; empty where that is unknown."""
        done = self.count_done()
        if not self.total or not done:
            return ""
        return f"about {format_clock((now - self.started) / done * max(self.total - done, 0))} left"


def draw_sparkline(values: Sequence[float], width: int = CURVE_WIDTH) -> str:
    """The values as a row of blocks, scaled between their least and greatest; long rows are averaged."""
    if not values:
        return ""
    count = min(width, len(values))
    edges = [round(i * len(values) / count) for i in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, span = min(means), (max(means) - min(means)) or 1.0
    return "".join(_BLOCKS[round((mean - low) / span * (len(_BLOCKS) - 1))] for mean in means)


def format_counts(counts: Mapping[str, int]) -> str:
    """Counts as words, the greatest first."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {count}" for name, count in ordered if count)


def format_metrics(metrics: Mapping[str, float]) -> str:
    """The metrics that are shown, as words."""
    return ", ".join(f"{name.replace('_', ' ')} {metrics[name]:.3g}" for name in SHOWN if name in metrics)


def format_clock(seconds: float) -> str:
    """Seconds as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
