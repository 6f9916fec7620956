"""A run on a terminal and in a log."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from selfchal.builtin_watchers import plain_display
from selfchal.builtin_watchers.progress import Progress, ProgressConfig
from selfchal.builtin_watchers.wording import draw_sparkline, format_clock, format_counts
from tests.builtin_watchers.watched import watch_by


def test_lines_where_there_is_no_terminal() -> None:
    out, now = io.StringIO(), [0.0]
    progress = Progress(ProgressConfig(), Console(file=out, width=200), lambda: now[0])
    watch, watchers, run = watch_by(progress)
    with watch.stage("challenge 1", 100, "proposals"):
        for done, second in ((10, 1), (40, 11), (50, 12), (80, 25)):
            now[0] = second
            watch.progress(done, {"kept": done // 2, "not parsed": done // 4, "not ran": 0})
        watch.note("a [bold] note")
        watchers.tell("stage_ended", run, stage="challenge 1", seconds=25)
        shown = out.getvalue().splitlines()
    assert shown == [
        "challenge 1: 100 proposals",
        "challenge 1: 40/100 proposals; kept 20, not parsed 10; about 0:16 left",
        "challenge 1: 80/100 proposals; kept 40, not parsed 20; about 0:06 left",
        "note: a [bold] note",
        "challenge 1: 80/100 proposals; kept 40, not parsed 20; done in 0:25",
    ]


def test_a_stage_that_learns_its_total_later_is_said_once_more() -> None:
    out = io.StringIO()
    watch, _, _ = watch_by(Progress(ProgressConfig(), Console(file=out, width=200), lambda: 1.0))
    with watch.stage("train 1", None, "updates"):
        watch.progress(0, total=2)
        watch.update_finished("train 1", 1, {"reward": 0.25})
    assert out.getvalue().splitlines() == [
        "train 1: updates",
        "train 1: 2 updates",
        "  update 1: reward 0.25 (about 0:00 left)",
        "train 1: 1/2 updates; done in 0:00",
    ]


def test_a_long_batch_is_seen_to_go_on_though_no_hook_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_display, "EVERY", 0.05)
    monkeypatch.setattr(plain_display, "LOOK", 0.01)
    out = io.StringIO()
    watch, watchers, run = watch_by(Progress(ProgressConfig(), Console(file=out, width=200)))
    watchers.tell("run_started", run)
    with watch.stage("evaluate before", 1_000, "episodes"):
        for ended in range(1, 100):
            watch.count(ended)
            time.sleep(0.002)
        during = out.getvalue()
    watchers.tell("run_ended", run, results=None)
    assert re.search(r"evaluate before: \d+/1000 episodes; about ", during)


def test_a_live_display_shows_bar_counts_and_curve() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120, color_system=None)
    watch, watchers, run = watch_by(Progress(ProgressConfig(), console))
    watchers.tell("run_started", run)
    with watch.stage("train 1", None, "updates"):
        watch.progress(0, total=3)
        for step in range(1, 4):
            watch.update_finished("train 1", step, {"reward": step / 4, "kl": 0.5})
        watch.note("take [care]")
        time.sleep(0.6)  # it is drawn four times a second
    watchers.tell("run_ended", run, results=None)
    shown = out.getvalue()
    assert "3/3 updates" in shown
    assert "reward ▁▅█  0.25 → 0.75" in shown
    assert "take [care]" in shown
    assert shown.count("\n") < 60


def test_sparklines() -> None:
    assert draw_sparkline([]) == ""
    assert draw_sparkline([1.0]) == "▁"
    assert draw_sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert len(draw_sparkline([float(i % 7) for i in range(1_000)], width=20)) == 20


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (61.2, "1:01"), (3_725, "1:02:05")])
def test_clock(seconds: float, text: str) -> None:
    assert format_clock(seconds) == text


def test_counts_are_sorted_and_zeros_left_out() -> None:
    assert format_counts({"a": 1, "b": 0, "c": 5}) == "c 5, a 1"
