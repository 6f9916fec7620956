"""``selfchal runs``: the runs below some directories, and runs side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
from rich.table import Table

from selfchal.browsing.comparing import Compared, Comparison, compare_runs, describe_comparison
from selfchal.browsing.runs import RunSummary, describe_run, find_runs, read_rate, summarise_run
from selfchal.cli.groups import SuggestingGroup
from selfchal.cli.outcome import interval, percent, points
from selfchal.cli.terminal import open_console, say, say_json, say_on
from selfchal.pipeline.statistics import Estimate
from selfchal.plain_text import make_plain


@click.group(cls=SuggestingGroup)
def runs() -> None:
    """List runs, or compare them."""


@runs.command("list")
@click.argument("directories", metavar="[DIR]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_runs(directories: tuple[Path, ...], as_json: bool) -> None:
    """List the runs in these directories and below them (default: runs)."""
    summaries = [summarise_run(directory) for directory in find_runs(directories or (Path("runs"),))]
    if as_json:
        for summary in summaries:
            say_json(describe_run(summary))
    elif summaries:
        open_console().print(_make_list(summaries))
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


def _make_list(summaries: list[RunSummary]) -> Table:
    table = Table()
    for column in ("run", "status", "environment", "model", "trainer", "seed"):
        table.add_column(column, overflow="fold")
    for column in ("before", "after"):
        table.add_column(column, justify="right")
    for summary in summaries:
        row = describe_run(summary)
        stage = f" ({row['stage']})" if row["stage"] and not summary.results else ""
        status = f"{row['status']}{stage}"
        texts = [str(row["directory"]), status, row["environment"], row["model"], row["trainer"], row["seed"]]
        rates = [percent(read_rate(summary.results, when)) for when in ("before", "after")]
        table.add_row(*(_show(text) for text in [*texts, *rates]))
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


def _show(text: str) -> str:
    """A stranger's text in a table, without commands to the terminal and without markup."""
    from rich.markup import escape

    return escape(make_plain(text))
