"""The table at the end of a run: before and after, with honest company."""

from __future__ import annotations

from collections.abc import Mapping

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
    """Before and after for every rate, their paired difference, and what the score must be held against."""
    before, after = results["before"], results["after"]
    table = Table(title=f"Held-out tasks: {results['held_out_tasks']}", title_justify="left")
    for heading in ("", "before", "after"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name in before["intervals"]:
        table.add_row(
            name, *(f"{percent(p[name])} {interval(p['intervals'][name])}" for p in (before, after))
        )
    console.print(table)
    difference = results["difference"]
    bounds = interval([difference["low"], difference["high"]])
    rows = [f"pass@1 changed by {points(difference['mean'])}, 95 % interval {bounds}"]
    if elicitation := results.get("elicitation"):
        best = elicitation["baselines"][elicitation["best"]]
        gain = elicitation["difference"]
        rows.append(
            f"best without training: {elicitation['best'].replace('_', ' ')} {percent(best['mean'])}; "
            f"pass@1 after it {points(gain['mean'])} {interval([gain['low'], gain['high']])}"
        )
    rows.append(f"doing nothing scores {percent(results['do_nothing'])}")
    funnel = results["funnel"]
    rows.append(f"tasks: {funnel['proposed']} proposed, {funnel['kept']} kept")
    if cost := results.get("per_kept_task"):
        each = f"{cost['tokens']:.0f} tokens, {cost['seconds']:.2f} s, {cost['executions']:.0f} executions"
        rows.append(f"a kept task took {each}")
    for row in rows:
        console.print(row, highlight=False, markup=False, soft_wrap=True)


def points(value: float) -> str:
    """A difference of rates in percentage points, with its sign."""
    return f"{100 * value:+.1f} points"
