"""Which values do the records settle, although the instruction does not say them?

An instruction may leave a detail to what can be read about the thing that it names: "return everything",
"refund the card that I used", "send it to my own address". Three exact rules know such details. None of them
looks for particular words of a language; they compare the solution's values with the records that the same
call is about, and with what the instruction names.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfchal.core.evidence import StateExplorer
from selfchal.judging.checks.needs import Need
from selfchal.judging.wording import Wording, features


def is_settled(need: Need, needs: Sequence[Need], explorer: StateExplorer, wording: Wording) -> bool:
    """Is this value what the records at hand give to a reader who knows which records are meant?"""
    beside = [other for other in needs if other.call == need.call and other.value != need.value]
    records = [str(other.value) for other in beside if str(other.value) in explorer.shown]
    if not isinstance(need.value, str) or not records:
        return False
    return (
        _is_of_whole_list(need, needs, records, explorer, wording)
        or _is_only_one_there(need.value, records, explorer, wording)
        or _is_owners_own(need, needs, records, explorer)
    )


def _is_of_whole_list(
    need: Need, needs: Sequence[Need], records: Sequence[str], explorer: StateExplorer, wording: Wording
) -> bool:
    """The solution hands over all things of this kind in a record, and the instruction names none of them.

    So it speaks of the record as a whole. Where it names one of them, the others are left out or forgotten.
    """
    if not isinstance(need.where[-1], int) or len(need.where) <= 2:
        return False
    members = {
        str(other.value) for other in needs if other.call == need.call and other.where[:-1] == need.where[:-1]
    }
    if any(wording.mentioned(explorer.features(member)) for member in members):
        return False
    described = {str(leaf) for member in members for leaf in explorer.described.get(member, ())}
    shown = _list_shown(records, explorer)
    alike = {
        other
        for other in explorer.siblings.get(str(need.value), ())
        if explorer.alike(other, str(need.value))
    }
    # an article's record also holds the number of its product, which looks like an article's
    return members <= shown and not (alike & shown) - members - described


def _is_only_one_there(value: str, records: Sequence[str], explorer: StateExplorer, wording: Wording) -> bool:
    """The instruction names the kind of thing, and of those beside it only this one stands in the record."""
    shown = _list_shown(records, explorer)
    mine = features([value])
    rivals = explorer.siblings.get(value, set()) - {value}
    return (
        value in shown
        and bool(rivals)
        and bool(wording.mentioned(mine))
        and not any(other in shown or wording.mentioned(features([other]) - mine) for other in rivals)
    )


def _is_owners_own(
    need: Need, needs: Sequence[Need], records: Sequence[str], explorer: StateExplorer
) -> bool:
    """All that the call sets is what one record has under the same names that leads to the record at hand,
    as a customer's own address does for an order."""
    given = [other for other in needs if other.call == need.call and str(other.value) not in explorer.shown]
    owners = [
        record
        for record, shown in explorer.shown.items()
        if record not in records and set(records).intersection(map(str, shown))
    ]
    return len(given) > 1 and any(
        all(explorer.read_field(owner, other.parameter) == other.value for other in given) for owner in owners
    )


def _list_shown(records: Sequence[str], explorer: StateExplorer) -> set[str]:
    return {str(leaf) for record in records for leaf in explorer.shown[record]}
