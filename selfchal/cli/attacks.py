"""The attack suite's outcome as a table that a person understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from selfchal.cli.terminal import open_console, say_on
from selfchal.plain_text import make_plain

if TYPE_CHECKING:
    from selfchal.testing.attacks.run import Report

_STYLES = {"stopped": "green", "not promised": "yellow", "surprise": "bold red"}


def print_attacks(report: Report) -> None:
    """Every attack with what must happen and what did, then what is promised, then the sum."""
    console = open_console()
    table = Table("attack", "must happen", "did happen", "outcome", box=None, pad_edge=False)
    kind = ""
    for outcome in report.outcomes:
        if outcome.kind != kind:
            kind = outcome.kind
            table.add_row(Text(kind, style="bold"))
        style = _STYLES[outcome.result]
        cells = (f"  {outcome.name}", outcome.must, outcome.did)
        table.add_row(*(Text(make_plain(cell)) for cell in cells), Text(str(outcome.result), style=style))
    console.print(table)
    guarantees = report.guarantees
    say_on(console, f"\n{guarantees.sandbox}, tier {guarantees.tier}. {guarantees.notes}")
    for name, level in guarantees.levels.items():
        say_on(console, f"  {name.replace('_', ' '):16} {level}")
    stopped = sum(outcome.result == "stopped" for outcome in report.outcomes)
    say_on(
        console,
        f"{len(report.outcomes)} attacks in {report.seconds:.0f} s: {stopped} stopped, "
        f"{len(report.surprises)} surprises, "
        f"{len(report.outcomes) - stopped - len(report.surprises)} got through where nothing is promised",
    )
