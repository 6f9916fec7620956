"""Progress as lines, for a log or a pipe: when a stage begins and ends, and every ten seconds between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rich.console import Console

from selfchal.builtin_watchers.wording import StageView, format_clock, format_counts
from selfchal.plain_text import make_plain

EVERY = 10.0  # seconds between two lines of one stage
LOOK = 1.0  # seconds between two looks at how far the stage is


class PlainDisplay:
    """Prints from the run's thread and from one of its own, which looks on while a long batch goes on."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._now = now
        self._view: StageView | None = None
        self._said = 0.0  # when the last line of this stage was printed
        self._done = 0  # how far it was then
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._look_on, name="progress", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def begin(self, view: StageView) -> None:
        with self._lock:
            self._view, self._said, self._done = view, self._now(), 0
            self._say(f"{view.name}: {f'{view.total} ' if view.total else ''}{view.unit}")

    def move(self, view: StageView) -> None:
        self.look()

    def announce_total(self, view: StageView) -> None:
        with self._lock:
            self._say(f"{view.name}: {view.total} {view.unit}")

    def update(self, view: StageView, step: int) -> None:
        with self._lock:
            left = view.format_left(self._now())
            self._say(f"  update {step}: {view.latest}{f' ({left})' if left else ''}")

    def note(self, text: str) -> None:
        with self._lock:
            self._say(f"note: {text}")

    def end(self, view: StageView, seconds: float) -> None:
        with self._lock:
            self._view = None
            self._say(_format_line(view, f"done in {format_clock(seconds)}"))

    def look(self) -> None:
        """Print a line where ten seconds went by since the last one and the stage went on."""
        with self._lock:
            view, now = self._view, self._now()
            if view is None or now - self._said < EVERY or view.count_done() == self._done:
                return
            self._said, self._done = now, view.count_done()
            self._say(_format_line(view, view.format_left(now)))

    def _look_on(self) -> None:
        while not self._stopped.wait(LOOK):
            self.look()

    def _say(self, text: str) -> None:
        self._console.print(make_plain(text), markup=False, highlight=False, soft_wrap=True)


def _format_line(view: StageView, tail: str) -> str:
    parts = [view.format_amount(), format_counts(view.counts), tail]
    return f"{view.name}: {'; '.join(part for part in parts if part)}"
