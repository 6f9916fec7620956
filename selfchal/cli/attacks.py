"""The attack suite's outcome as a table that a person understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from selfchal.testing.attacks.run import Report

_STYLES = {"stopped": "green", "not promised": "yellow", "surprise": "bold red"}


def print_attacks(report: Report) -> None:
    """Every attack with what must happen and what did, then what is promised, then the sum."""
    console = Console()
    table = Table("attack", "must happen", "did happen", "outcome", box=None, pad_edge=False)
    kind = ""
    for outcome in report.outcomes:
        if outcome.kind != kind:
            kind = outcome.kind
            table.add_row(Text(kind, style="bold"))
        style = _STYLES[outcome.result]
        cells = (f"  {outcome.name}", outcome.must, outcome.did)
        table.add_row(*map(Text, cells), Text(str(outcome.result), style=style))
    console.print(table)
    guarantees = report.guarantees
    console.print(f"\n{guarantees.sandbox}, tier {guarantees.tier}. {guarantees.notes}", highlight=False)
    for name, level in guarantees.levels.items():
        console.print(f"  {name.replace('_', ' '):16} {level}", highlight=False)
    stopped = sum(outcome.result == "stopped" for outcome in report.outcomes)
    console.print(
        f"{len(report.outcomes)} attacks in {report.seconds:.0f} s: {stopped} stopped, "
        f"{len(report.surprises)} surprises, "
        f"{len(report.outcomes) - stopped - len(report.surprises)} got through where nothing is promised",
        highlight=False,
        soft_wrap=True,
    )
