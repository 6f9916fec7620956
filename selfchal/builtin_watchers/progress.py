"""What a person sees of a run: a live display on a terminal, plain lines anywhere else.

The command line adds it to every run and measurement; from Python a manifest asks for it
(``watchers: [{name: progress}]``).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from selfchal.builtin_watchers.wording import StageView, format_metrics
from selfchal.core.hookspecs import hookimpl

if TYPE_CHECKING:
    from rich.console import Console


class ProgressConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    stream: Literal["stdout", "stderr"] = Field("stdout", description="Where it is drawn.")


class Display(Protocol):
    """How progress is shown. ``view`` is the stage under way, kept up to date by the caller."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def begin(self, view: StageView) -> None: ...

    def move(self, view: StageView) -> None: ...

    def announce_total(self, view: StageView) -> None: ...

    def update(self, view: StageView, step: int) -> None: ...

    def note(self, text: str) -> None: ...

    def end(self, view: StageView, seconds: float) -> None: ...


class Progress:
    """Shows stages, how far they are, what becomes of proposals, and the reward while a trainer runs."""

    name: ClassVar[str] = "progress"
    Config: ClassVar[type[BaseModel]] = ProgressConfig

    def __init__(
        self,
        config: ProgressConfig,
        console: Console | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``console``: where to draw instead of on the stream of ``config``; ``now``: seconds on a clock."""
        from rich.console import Console  # not for those who only list plugins

        from selfchal.builtin_watchers.live_display import LiveDisplay
        from selfchal.builtin_watchers.plain_display import PlainDisplay

        console = console or Console(file=sys.stdout if config.stream == "stdout" else sys.stderr)
        self._now = now
        self._display: Display = LiveDisplay(console) if console.is_terminal else PlainDisplay(console, now)
        self._view = StageView("", "", None, lambda: 0, 0.0)

    @hookimpl
    def run_started(self) -> None:
        self._display.start()

    @hookimpl
    def run_ended(self) -> None:
        self._display.stop()

    @hookimpl
    def stage_started(self, stage: str, total: int | None, unit: str, count_done: Callable[[], int]) -> None:
        self._view = StageView(stage, unit, total, count_done, self._now())
        self._display.begin(self._view)

    @hookimpl
    def stage_progressed(self, total: int | None, counts: Mapping[str, int]) -> None:
        self._view.counts = counts
        if total != self._view.total:
            self._view.total = total
            self._display.announce_total(self._view)
        self._display.move(self._view)

    @hookimpl
    def update_finished(self, step: int, metrics: Mapping[str, float]) -> None:
        if "reward" in metrics:
            self._view.rewards.append(metrics["reward"])
        self._view.latest = format_metrics(metrics)
        self._display.update(self._view, step)

    @hookimpl
    def stage_ended(self, seconds: float) -> None:
        self._display.end(self._view, seconds)

    @hookimpl
    def note(self, text: str) -> None:
        self._display.note(text)
