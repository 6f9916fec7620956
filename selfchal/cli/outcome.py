"""The table at the end of a run: the scores, and what they must be compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click
from rich.console import Console
from rich.table import Table

from selfchal.cli.terminal import say, say_on
from selfchal.core.world import Json
from selfchal.judging.tool_errors import describe_errors
from selfchal.pipeline.costs import list_cut_lines
from selfchal.pipeline.curve import list_curve_points
from selfchal.pipeline.roles import list_role_lines
from selfchal.pipeline.test_sets import count_tasks, list_measured
from selfchal.pipeline.unjudged import BOUND, LEAST, has_too_many_unjudged

TOO_MANY_UNJUDGED = 3


def percent(value: float | None) -> str:
    """A rate as per cent; a dash where there is none."""
    return "–" if value is None or value != value else f"{100 * value:.1f} %"


def interval(bounds: list[float] | None, warning: str = "") -> str:
    """An interval of rates in brackets, and what must be said beside it."""
    said = f" ({warning})" if warning else ""
    return f"[{100 * bounds[0]:.1f}, {100 * bounds[1]:.1f}]{said}" if bounds else ""


def format_unjudged(rates: Mapping[str, Json]) -> str:
    """How much of a score could not be judged, and why; empty where everything was."""
    if not rates["could_not_judge"]:
        return ""
    count, share = rates["could_not_judge"], percent(rates["share_not_judged"])
    return (
        f"{count} episodes ({share}) could not be judged: they are left out of the rates, and the low end of "
        f"each interval counts them as failed. The commonest cause: {rates['commonest_cause']}"
    )


def exit_where_too_many_unjudged(ctx: click.Context, results: Mapping[str, Json], cure: str) -> None:
    """End with ``TOO_MANY_UNJUDGED`` where a score is not to be relied upon; ``cure`` is what to do then."""
    if has_too_many_unjudged(results):
        say(
            f"Error: too many episodes could not be judged ({LEAST} or more, and over {BOUND:.0%}), so the "
            f"scores are not to be relied upon. Mend the cause, then {cure}.",
            err=True,
        )
        ctx.exit(TOO_MANY_UNJUDGED)


def print_outcome(console: Console, results: Mapping[str, Json]) -> None:
    """For each test set every rate before and, where something was trained, after, and what the score must be
    held against; then what the tasks cost."""
    measured = list_measured(results)
    for name, part in measured:
        _print_scores(console, f"{name[0].upper()}{name[1:]}: {count_tasks(name, results)}", part)
    if not measured:
        say_on(console, "Nothing was measured: there are no held-out tasks and no exam.")
    for row in (*list_role_lines(results.get("models", {})), *_list_costs(results)):
        say_on(console, row)


def _print_scores(console: Console, title: str, part: Mapping[str, Json]) -> None:
    moments = [when for when in ("before", "after") if when in part]
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for when in moments:
        table.add_column(when, justify="right")
    for name in part["before"]["intervals"]:
        table.add_row(name, *(_format_rate(part[when], name) for when in moments))
    console.print(table)
    for row in (*_list_changes(part), *_list_curve(part), *_list_context(part)):
        say_on(console, row)


def _format_rate(rates: Mapping[str, Json], name: str) -> str:
    bounds = interval(rates["intervals"][name], rates["warnings"].get(name, ""))
    return f"{percent(rates[name])} {bounds}"


def _list_changes(part: Mapping[str, Json]) -> Iterator[str]:
    if difference := part.get("difference"):
        bounds = interval([difference["low"], difference["high"]], difference["warning"])
        yield f"pass@1 changed by {points(difference['mean'])}, 95 % interval {bounds}"
    elicitation = part["elicitation"]
    best = elicitation["baselines"][elicitation["best"]]
    said = f"best without training: {elicitation['best'].replace('_', ' ')} {percent(best['mean'])}"
    if gain := elicitation.get("difference"):
        bounds = interval([gain["low"], gain["high"]], gain["warning"])
        said += f"; pass@1 after it {points(gain['mean'])} {bounds}"
    yield said


def _list_curve(part: Mapping[str, Json]) -> Iterator[str]:
    """The held-out tasks during training, where ``evaluation.every`` asked for them."""
    if "curve" in part:
        rates = ", ".join(f"{name}: {percent(rate)}" for name, rate in list_curve_points(part))
        yield f"pass@1 during training, each task once: {rates}"


def _list_context(part: Mapping[str, Json]) -> Iterator[str]:
    yield f"doing nothing scores {percent(part['do_nothing'])}"
    for when in ("before", "after"):
        if said := format_unjudged(part.get(when, {"could_not_judge": 0})):
            yield f"{when}: {said}"
    if note := part.get("note"):
        yield note
    if part.get("shared_contexts"):
        yield f"{part['shared_contexts']} of its tasks begin in a context in which training tasks begin too"


def _list_costs(results: Mapping[str, Json]) -> Iterator[str]:
    funnel = results["funnel"]
    yield f"tasks: {funnel['proposed']} proposed, {funnel['kept']} kept"
    yield from describe_errors(results.get("tool_calls", {}))
    yield from list_cut_lines(results["costs"])
    if cost := results.get("per_kept_task"):
        each = f"{cost['tokens']:.0f} tokens, {cost['seconds']:.2f} s, {cost['executions']:.0f} executions"
        yield f"a kept task took {each}{_format_money(cost)}"
    if cost := results.get("per_point"):
        each = f"{cost['tokens']:,.0f} tokens, {cost['seconds']:.1f} s{_format_money(cost)}"
        yield f"a point of pass@1 gained took {each}"
    every = results["costs"]["all"]
    yield (
        f"in all: {every['episodes']:,} episodes, {every['sampled']:,} tokens sampled and "
        f"{every['read']:,} read, {every['seconds']:.0f} s{_format_money(every)}"
    )


def _format_money(cost: Mapping[str, Json]) -> str:
    return f", {cost['money']:.4g} in money" if "money" in cost else ""


def points(value: float) -> str:
    """A difference of rates in percentage points, with its sign."""
    return f"{100 * value:+.1f} points"
