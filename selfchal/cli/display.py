"""What a person sees of a run: a live display on a terminal, plain lines anywhere else.

Both are a ``Watcher`` of ``selfchal.pipeline.progress``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from selfchal.core.model import Metrics
from selfchal.pipeline.progress import Watcher

PLAIN_EVERY = 10.0  # seconds between two lines of one stage
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


class Display(Watcher, AbstractContextManager["Display"]):
    """A watcher that holds the terminal while it is entered."""


def display(console: Console) -> Display:
    """The display that fits this console."""
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


def sparkline(values: Sequence[float], width: int = CURVE_WIDTH) -> str:
    """The values as a row of blocks, scaled between their least and greatest; long rows are averaged."""
    if not values:
        return ""
    count = min(width, len(values))
    edges = [round(i * len(values) / count) for i in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, span = min(means), (max(means) - min(means)) or 1.0
    return "".join(_BLOCKS[round((mean - low) / span * (len(_BLOCKS) - 1))] for mean in means)


def counts_line(counts: Mapping[str, int]) -> str:
    """Counts as words, the greatest first."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {count}" for name, count in ordered if count)


def metrics_line(metrics: Metrics) -> str:
    """The metrics that are shown, as words."""
    return ", ".join(f"{name.replace('_', ' ')} {metrics[name]:.3g}" for name in SHOWN if name in metrics)


def clock(seconds: float) -> str:
    """Seconds as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _Pace:
    """How long a stage has still to go, from its average speed so far."""

    def __init__(self, total: int | None, now: float) -> None:
        self.total = total
        self.start = now

    def left(self, done: int, now: float) -> str:
        if not self.total or not done:
            return ""
        return f"about {clock((now - self.start) / done * max(self.total - done, 0))} left"


class PlainDisplay(Display):
    """One line when a stage begins and ends, and at most one every ten seconds between."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._now = now
        self._pace = _Pace(None, now())
        self._name = self._unit = ""
        self._done = 0
        self._said = 0.0
        self._counts: Mapping[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def stage(self, name: str, total: int | None, unit: str) -> None:
        again = self._name == name
        self._name, self._unit, self._done, self._counts = name, unit, 0, {}
        self._pace = _Pace(total, self._now())
        self._said = self._now()
        if not again or total:
            self._say(f"{name}: {f'{total} ' if total else ''}{unit}")

    def advance(self, done: int, counts: Mapping[str, int]) -> None:
        self._done, self._counts = done, counts
        if self._now() - self._said >= PLAIN_EVERY:
            self._said = self._now()
            self._say(self._format_line(self._pace.left(done, self._now())))

    def metrics(self, step: int, metrics: Metrics) -> None:
        self._done = step
        shown = metrics_line(metrics)
        left = self._pace.left(step, self._now())
        self._say(f"  update {step}: {shown}{f' ({left})' if left else ''}")

    def note(self, text: str) -> None:
        self._say(f"note: {text}")

    def end(self, seconds: float) -> None:
        if not self._name:
            return
        self._say(self._format_line(f"done in {clock(seconds)}"))
        self._name = ""

    def _format_line(self, tail: str) -> str:
        of = f"/{self._pace.total}" if self._pace.total else ""
        parts = [f"{self._done}{of} {self._unit}", counts_line(self._counts), tail]
        return f"{self._name}: {'; '.join(part for part in parts if part)}"

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveDisplay(Display):
    """One bar a stage, what its counts are, and the reward curve while a trainer runs."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[left]}"),
            console=console,
        )
        self._task: TaskID | None = None
        self._name = self._unit = ""
        self._pace = _Pace(None, 0.0)
        self._counts: Mapping[str, int] = {}
        self._rewards: list[float] = []
        self._latest = ""
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._render)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.stop()

    def stage(self, name: str, total: int | None, unit: str) -> None:
        self._unit, self._counts, self._rewards, self._latest = unit, {}, [], ""
        self._pace = _Pace(total, time.monotonic())
        if self._task is not None and self._name == name:  # the same stage, now with its total
            self._update(total=total)
        else:
            self._task = self._progress.add_task(name, total=total, amount=unit, left="")
        self._name = name

    def advance(self, done: int, counts: Mapping[str, int]) -> None:
        self._counts = counts
        of = f"/{self._pace.total}" if self._pace.total else ""
        self._update(
            completed=done,
            amount=f"{done}{of} {self._unit}",
            left=self._pace.left(done, time.monotonic()),
        )

    def metrics(self, step: int, metrics: Metrics) -> None:
        self.advance(step, self._counts)
        if "reward" in metrics:
            self._rewards.append(metrics["reward"])
        self._latest = metrics_line(metrics)

    def note(self, text: str) -> None:
        self._live.console.print(Text(text, style="yellow"))

    def end(self, seconds: float) -> None:
        total = self._pace.total or 1
        words = counts_line(self._counts)
        curve = f"reward {sparkline(self._rewards, 24)}" if self._rewards else ""
        self._update(completed=total, total=total, left="  ".join(part for part in (words, curve) if part))
        self._counts, self._rewards, self._latest, self._task = {}, [], "", None

    def _update(self, **fields: object) -> None:
        if self._task is not None:
            self._progress.update(self._task, **fields)  # type: ignore[arg-type]  # rich types **fields as Any

    def _render(self) -> Group:
        lines: list[Progress | Text] = [self._progress]
        if self._counts:
            lines.append(Text(f"  {counts_line(self._counts)}", style="cyan"))
        if self._rewards:
            now = f"{self._rewards[0]:.2f} → {self._rewards[-1]:.2f}"
            lines.append(Text(f"  reward {sparkline(self._rewards)}  {now}", style="green"))
        if self._latest:
            lines.append(Text(f"  {self._latest}", style="dim"))
        return Group(*lines)
