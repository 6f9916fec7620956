"""``selfchal runs``: the runs below some directories, and runs side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from selfchal.browsing.comparing import Compared, Comparison, compare_runs, describe_comparison
from selfchal.browsing.index import open_index
from selfchal.browsing.money import is_priced, measure_money
from selfchal.browsing.runs import RunSummary, describe_run, find_runs, summarise_run
from selfchal.cli.groups import SuggestingGroup
from selfchal.cli.indexing import catch_up
from selfchal.cli.outcome import interval, percent, points
from selfchal.cli.terminal import open_console, say, say_json, say_on
from selfchal.core.errors import StoreError
from selfchal.pipeline.statistics import Estimate
from selfchal.plain_text import make_plain

_WIDE = 120  # columns of a terminal: in a narrower one errors stand below the table, where they can be read


@click.group(cls=SuggestingGroup)
def runs() -> None:
    """List runs, or compare them."""


@runs.command("list")
@click.argument("directories", metavar="[DIR]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_runs(directories: tuple[Path, ...], as_json: bool) -> None:
    """List the runs in these directories and below them (default: runs)."""
    summaries = [summarise_run(directory) for directory in find_runs(directories or (Path("runs"),))]
    rows = [(summary, describe_run(summary, _find_money(summary))) for summary in summaries]
    if as_json:
        for _, row in rows:
            say_json(row)
    elif rows:
        console = open_console()
        faulty = [summary for summary in summaries if summary.error]
        is_wide = console.width >= _WIDE
        console.print(_make_list(rows, with_errors=bool(faulty) and is_wide))
        for summary in () if is_wide else faulty:
            say_on(console, f"{summary.directory}: {summary.short_error}")
    else:
        say("none")


@runs.command("compare")
@click.argument("directories", metavar="DIR DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(directories: tuple[Path, ...], as_json: bool) -> None:
    """Compare runs with the first one: scores with 95 % intervals, and how their manifests differ.

    Where the runs were measured on the same held-out tasks the difference is paired. Where they differ in
    their seeds alone, the gain over all seeds is estimated too.
    """
    if len(directories) < 2:
        raise click.UsageError("name two runs or more")
    comparison = compare_runs(directories)
    if as_json:
        say_json(describe_comparison(comparison), indent=2)
        return
    console = open_console()
    console.print(_make_scores(comparison.runs))
    for line in _list_notes(comparison):
        say_on(console, line)
    if comparison.options:
        console.print(_make_options(comparison))


def _find_money(summary: RunSummary) -> float | None:
    """What a run that has not ended has cost so far: its tokens are counted in its index."""
    if not is_priced(summary):
        return None
    try:
        with open_index(summary.directory) as index:
            catch_up(index)
            return measure_money(summary, index)
    except StoreError:
        return None  # damaged rows are no reason to show no list


def _make_list(rows: list[tuple[RunSummary, dict[str, Any]]], with_errors: bool) -> Table:
    table = Table()
    for column in ("run", "status", "environment", "model", "trainer", "seed"):
        table.add_column(column, overflow="fold")
    for column in ("before", "after"):
        table.add_column(column, justify="right")
    with_money = any(row["money"] is not None for _, row in rows)
    if with_money:
        table.add_column("money", justify="right")
    if with_errors:
        table.add_column("error", overflow="fold")
    for summary, row in rows:
        stage = f" ({row['stage']})" if row["stage"] and not summary.results else ""
        status = f"{row['status']}{stage}"
        texts = [str(row["directory"]), status, row["environment"], row["model"], row["trainer"], row["seed"]]
        rates = [percent(summary.rate(when)) for when in ("before", "after")]
        errors = [summary.short_error] if with_errors else []
        money = [_format_money(row["money"], summary)] if with_money else []
        table.add_row(*(_show(text) for text in [*texts, *rates, *money, *errors]))
    return table


def _make_scores(compared: tuple[Compared, ...]) -> Table:
    table = Table(title="pass@1 on the held-out tasks, with 95 % intervals", title_justify="left")
    table.add_column("run", overflow="fold")
    for column in ("before", "after", "after minus before", "minus the first run"):
        table.add_column(column, justify="right")
    for each in compared:
        rates = [_format_rate(each.rates.get(when)) for when in ("before", "after")]
        changes = [_format_change(each.gain), _format_change(each.against)]
        table.add_row(_show(str(each.summary.directory)), *rates, *changes)
    return table


def _make_options(comparison: Comparison) -> Table:
    table = Table(title="where the manifests differ", title_justify="left")
    table.add_column("option", overflow="fold")
    for each in comparison.runs:
        table.add_column(_show(each.summary.name), overflow="fold")
    for difference in comparison.options:
        table.add_row(_show(difference.option), *(_show(value) or "–" for value in difference.values))
    return table


def _list_notes(comparison: Comparison) -> Iterator[str]:
    for each in comparison.runs[1:]:
        if not each.shared:
            yield f"{each.summary.directory} was measured on none of the first run's tasks"
    if comparison.over_seeds is not None:
        yield f"gain over {len(comparison.runs)} seeds: {_format_change(comparison.over_seeds)}"
    if not comparison.options:
        yield "the manifests are the same"


def _format_rate(rate: Estimate | None) -> str:
    return f"{percent(rate.mean)} {interval([rate.low, rate.high], rate.warning)}" if rate else "–"


def _format_change(change: Estimate | None) -> str:
    if change is None or not change.tasks:
        return "–"
    return f"{points(change.mean)} {interval([change.low, change.high], change.warning)}"


def _format_money(money: float | None, summary: RunSummary) -> str:
    return "–" if money is None else f"{money:.4g}{'' if summary.results else ' so far'}"


def _show(text: str) -> str:
    """A stranger's text in a table, without commands to the terminal and without markup."""
    from rich.markup import escape

    return escape(make_plain(text))
