"""The attack suite for people: a line for each kind as it comes, then all of it as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from selfchal.cli.terminal import open_console, say, say_on
from selfchal.plain_text import make_plain

if TYPE_CHECKING:
    from selfchal.testing.attacks.attack import Attack
    from selfchal.testing.attacks.run import Outcome, Report

_STYLES = {"stopped": "green", "not promised": "yellow", "surprise": "bold red"}


class KindProgress:
    """Called with each outcome; says on stderr how a kind of attack went once the last of it is through."""

    def __init__(self, attacks: Sequence[Attack]) -> None:
        self._sizes = Counter(attack.kind for attack in attacks)
        self._results: dict[str, Counter[str]] = {kind: Counter() for kind in self._sizes}

    def __call__(self, outcome: Outcome) -> None:
        results = self._results[outcome.kind]
        results[outcome.result] += 1
        if results.total() == self._sizes[outcome.kind]:
            said = ", ".join(f"{count} {result}" for result, count in sorted(results.items()))
            say(f"{outcome.kind}: {said}", err=True)


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
        f"{len(report.outcomes) - stopped - len(report.surprises)} not tried, since nothing is promised",
    )
