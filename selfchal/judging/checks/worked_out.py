"""Values of a change that follow from what is said and read: a number by one operation, a day by a shift."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from selfchal.core.evidence import StateExplorer
from selfchal.core.world import Json
from selfchal.judging.checks.needs import Documents, Need, is_counted
from selfchal.judging.floats import take_float
from selfchal.judging.reading.spoken_days import follows, read_day
from selfchal.judging.wording import Wording

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_RATE = 20  # numbers from here on that the documents name are rates and prices, so much for each


def is_worked_out(
    need: Need, needs: Sequence[Need], explorer: StateExplorer, docs: Documents, wording: Wording
) -> bool:
    """A number that follows by one operation: from a told amount and what is read of the things that the call
    is about, from a rate that the documents name, or from such a number beside it and one of theirs."""
    if not _is_number(need.value):
        return False
    beside = [other for other in needs if other.call == need.call]
    read = [x for other in beside for x in explorer.shown.get(str(other.value), ()) if _is_number(x)]
    if _is_one_step(need.value, wording.amounts, read):
        return True
    named = [number for number in docs.wording.digits if number >= _RATE]
    if need.value in named or any(need.value == one * count for one in named for count in range(2, 10)):
        return True
    anchors = [
        take_float(other.value)
        for other in beside
        if other is not need
        and _is_number(other.value)
        and (is_counted(other, wording) or _is_one_step(other.value, wording.amounts, read))
    ]
    return bool(anchors) and (need.value == 0 or _is_one_step(need.value, docs.wording.digits, anchors))


def is_counted_off(
    need: Need, needs: Sequence[Need], explorer: StateExplorer, docs: Documents, wording: Wording
) -> bool:
    """A day that follows from one of the record at hand, or from today: "the day after", "on Saturday"."""
    wanted = read_day(need.value) if isinstance(need.value, str) else None
    if wanted is None:
        return False
    beside = [str(other.value) for other in needs if other.call == need.call]
    read = [leaf for record in beside for leaf in explorer.shown.get(record, ()) if isinstance(leaf, str)]
    known = [
        day for text in (*read, *_DATE.findall(docs.wording.text)) if (day := read_day(text)) is not None
    ]
    return follows(wanted, known, wording.instruction.casefold())


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_one_step(value: float, told: Iterable[float], read: Iterable[float]) -> bool:
    wanted = take_float(value)
    return any(
        abs(result - wanted) < 1e-6
        for one in told
        for other in map(take_float, read)
        for result in (one + other, other - one, one * other)
    )
