"""The toolsets of airline, one a profile."""

from __future__ import annotations

from functools import cache

from selfchal.builtin_envs.airline import fixed, reads, tau2, writes
from selfchal.builtin_envs.tables.profiles import capitalised, checked_toolset, compat_toolset, mended
from selfchal.builtin_envs.tables.world import Toolset

READS = (
    reads.calculate,
    reads.get_reservation_details,
    reads.get_user_details,
    reads.list_all_airports,
    reads.search_direct_flight,
    reads.search_onestop_flight,
    reads.think,
    reads.transfer_to_human_agents,
)
WRITES = (
    writes.book_reservation,
    writes.cancel_reservation,
    writes.send_certificate,
    writes.update_reservation_baggages,
    writes.update_reservation_flights,
    writes.update_reservation_passengers,
)
_TAU2_READS = [*(read for read in READS if read is not reads.think), tau2.get_flight_status]


@cache
def find_toolset(profile: str) -> Toolset:
    """The tools of a profile. They are made when they are first wanted, for it takes a tenth of a second."""
    if profile == "compat":
        return compat_toolset("airline", READS, WRITES)
    if profile == "tau2":
        return checked_toolset(mended(_TAU2_READS, tau2), mended(WRITES, tau2), capitalised)
    return checked_toolset(mended(READS, fixed), mended(WRITES, fixed))
