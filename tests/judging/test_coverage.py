"""What the kept tasks use and leave out."""

from __future__ import annotations

from selfchal.judging.coverage import coverage, focus
from tests.support.shop import CANCEL, Shop


def test_coverage_shows_holes_and_the_next_focus() -> None:
    task = CANCEL.with_diagnostics(
        {"uses": ["cancel_order", "cancel_order.order_id"], "strength": {"footprint": ["orders/W102"]}}
    )
    seen = coverage(Shop(), [task, task])
    assert seen.tools == {"get_user": 0, "get_order": 0, "cancel_order": 2, "set_city": 0}
    assert seen.tables == {"orders": 2}
    assert "cancel_order.reason" in seen.missing
    assert focus(Shop(), [task]) == ("get_order", "get_user", "set_city")
    assert focus(Shop(), []) == ()
