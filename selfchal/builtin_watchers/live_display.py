"""Progress on a terminal: one bar a stage, what its counts are, and the reward curve while a trainer runs."""

from __future__ import annotations

import time

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from selfchal.builtin_watchers.wording import StageView, draw_sparkline, format_counts
from selfchal.plain_text import make_plain


class LiveDisplay:
    """Holds the terminal from ``start`` to ``stop``; rich's own thread draws it four times a second."""

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
        self._view: StageView | None = None
        self._task = TaskID(0)
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._render)

    def start(self) -> None:
        self._live.start()

    def stop(self) -> None:
        self._live.stop()

    def begin(self, view: StageView) -> None:
        self._task = self._progress.add_task(view.name, total=view.total, amount=view.unit, left="")
        self._view = view

    def move(self, view: StageView) -> None:
        """Nothing to do: what is shown is read from the view when it is drawn."""

    def announce_total(self, view: StageView) -> None:
        self._progress.update(self._task, total=view.total)

    def update(self, view: StageView, step: int) -> None:
        """Nothing to do, as in ``move``."""

    def note(self, text: str) -> None:
        self._live.console.print(Text(make_plain(text), style="yellow"))

    def end(self, view: StageView, seconds: float) -> None:
        self._view = None
        curve = f"reward {draw_sparkline(view.rewards, 24)}" if view.rewards else ""
        words = "  ".join(part for part in (format_counts(view.counts), curve) if part)
        total = view.total or 1
        self._progress.update(
            self._task, completed=total, total=total, amount=view.format_amount(), left=words
        )

    def _render(self) -> Group:
        view = self._view
        if view is None:
            return Group(self._progress)
        self._progress.update(
            self._task,
            completed=view.count_done(),
            amount=view.format_amount(),
            left=view.format_left(time.monotonic()),
        )
        lines: list[Progress | Text] = [self._progress]
        if view.counts:
            lines.append(Text(f"  {format_counts(view.counts)}", style="cyan"))
        if view.rewards:
            now = f"{view.rewards[0]:.2f} → {view.rewards[-1]:.2f}"
            lines.append(Text(f"  reward {draw_sparkline(view.rewards)}  {now}", style="green"))
        if view.latest:
            lines.append(Text(f"  {view.latest}", style="dim"))
        return Group(*lines)
