"""A run on a terminal and in a log."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from selfchal.cli.display import LiveDisplay, PlainDisplay, clock, counts_line, display, sparkline


def test_lines_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    now = [0.0]
    watcher = PlainDisplay(Console(file=out, width=200), now=lambda: now[0])
    watcher.stage("challenge 1", 100, "proposals")
    for done, second in ((10, 1), (40, 11), (50, 12), (80, 25)):
        now[0] = second
        watcher.advance(done, {"kept": done // 2, "not parsed": done // 4, "not ran": 0})
    watcher.note("a [bold] note")
    watcher.end(25)
    watcher.end(0.1)  # a stage without a display of its own
    assert out.getvalue().splitlines() == [
        "challenge 1: 100 proposals",
        "challenge 1: 40/100 proposals; kept 20, not parsed 10; about 0:16 left",
        "challenge 1: 80/100 proposals; kept 40, not parsed 20; about 0:06 left",
        "note: a [bold] note",
        "challenge 1: 80/100 proposals; kept 40, not parsed 20; done in 0:25",
    ]


def test_a_stage_that_learns_its_total_later_is_said_once_more() -> None:
    out = io.StringIO()
    watcher = PlainDisplay(Console(file=out, width=200), now=lambda: 1.0)
    watcher.stage("train 1", None, "updates")
    watcher.stage("train 1", 2, "updates")
    watcher.metrics(1, {"reward": 0.25})
    watcher.end(3)
    assert out.getvalue().splitlines() == [
        "train 1: updates",
        "train 1: 2 updates",
        "  update 1: reward 0.25 (about 0:00 left)",
        "train 1: 1/2 updates; done in 0:03",
    ]


def test_a_live_display_shows_bar_counts_and_curve() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120, color_system=None)
    with display(console) as watcher:
        assert isinstance(watcher, LiveDisplay)
        watcher.stage("train 1", None, "updates")
        watcher.stage("train 1", 3, "updates")
        for step in range(1, 4):
            watcher.metrics(step, {"reward": step / 4, "kl": 0.5})
        watcher._live.refresh()
        watcher.note("take [care]")
        watcher.end(2)
        watcher.end(0)
    shown = out.getvalue()
    assert "3/3 updates" in shown
    assert "reward ▁▅█  0.25 → 0.75" in shown
    assert "take [care]" in shown
    assert shown.count("\n") < 60


def test_a_console_that_is_no_terminal_gets_plain_lines() -> None:
    assert isinstance(display(Console(file=io.StringIO())), PlainDisplay)


def test_sparklines() -> None:
    assert sparkline([]) == ""
    assert sparkline([1.0]) == "▁"
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert len(sparkline([float(i % 7) for i in range(1_000)], width=20)) == 20


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (61.2, "1:01"), (3_725, "1:02:05")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_counts_are_sorted_and_zeros_left_out() -> None:
    assert counts_line({"a": 1, "b": 0, "c": 5}) == "c 5, a 1"
