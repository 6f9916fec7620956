"""The table at the end of a run: the scores, and what they must be compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.table import Table

from selfchal.core.world import Json


def percent(value: float | None) -> str:
    """A rate as per cent; a dash where there is none."""
    return "–" if value is None or value != value else f"{100 * value:.1f} %"


def interval(bounds: list[float] | None) -> str:
    """An interval of rates, in brackets."""
    return f"[{100 * bounds[0]:.1f}, {100 * bounds[1]:.1f}]" if bounds else ""


def print_outcome(console: Console, results: Mapping[str, Json]) -> None:
    """Every rate before and, where something was trained, after; and what the score must be held against."""
    moments = [when for when in ("before", "after") if when in results]
    table = Table(title=f"Held-out tasks: {results['held_out_tasks']}", title_justify="left")
    table.add_column("")
    for when in moments:
        table.add_column(when, justify="right")
    for name in results["before"]["intervals"]:
        parts = [results[when] for when in moments]
        table.add_row(name, *(f"{percent(p[name])} {interval(p['intervals'][name])}" for p in parts))
    console.print(table)
    for row in (*_list_changes(results), *_list_context(results)):
        console.print(row, highlight=False, markup=False, soft_wrap=True)


def _list_changes(results: Mapping[str, Json]) -> Iterator[str]:
    if difference := results.get("difference"):
        bounds = interval([difference["low"], difference["high"]])
        yield f"pass@1 changed by {points(difference['mean'])}, 95 % interval {bounds}"
    elicitation = results["elicitation"]
    best = elicitation["baselines"][elicitation["best"]]
    said = f"best without training: {elicitation['best'].replace('_', ' ')} {percent(best['mean'])}"
    if gain := elicitation.get("difference"):
        said += f"; pass@1 after it {points(gain['mean'])} {interval([gain['low'], gain['high']])}"
    yield said


def _list_context(results: Mapping[str, Json]) -> Iterator[str]:
    yield f"doing nothing scores {percent(results['do_nothing'])}"
    funnel = results["funnel"]
    yield f"tasks: {funnel['proposed']} proposed, {funnel['kept']} kept"
    if cost := results.get("per_kept_task"):
        each = f"{cost['tokens']:.0f} tokens, {cost['seconds']:.2f} s, {cost['executions']:.0f} executions"
        yield f"a kept task took {each}"


def points(value: float) -> str:
    """A difference of rates in percentage points, with its sign."""
    return f"{100 * value:+.1f} points"
