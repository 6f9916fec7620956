"""The toolsets of retail, one a profile."""

from __future__ import annotations

from functools import cache

from selfchal.builtin_envs.retail import fixed, reads, tau2, writes
from selfchal.builtin_envs.tables.profiles import capitalised, checked_toolset, compat_toolset, mended
from selfchal.builtin_envs.tables.world import Toolset

READS = (
    reads.calculate,
    reads.find_user_id_by_email,
    reads.find_user_id_by_name_zip,
    reads.get_order_details,
    reads.get_product_details,
    reads.get_user_details,
    reads.list_all_product_types,
    reads.think,
    reads.transfer_to_human_agents,
)
WRITES = (
    writes.cancel_pending_order,
    writes.exchange_delivered_order_items,
    writes.modify_pending_order_address,
    writes.modify_pending_order_items,
    writes.modify_pending_order_payment,
    writes.modify_user_address,
    writes.return_delivered_order_items,
)
_TAU2_READS = [*(read for read in READS if read is not reads.think), tau2.get_item_details]


@cache
def find_toolset(profile: str) -> Toolset:
    """The tools of a profile. They are made when they are first wanted, for it takes a tenth of a second."""
    if profile == "compat":
        return compat_toolset("retail", READS, WRITES)
    if profile == "tau2":
        return checked_toolset(mended(_TAU2_READS, tau2), mended(WRITES, tau2), capitalised)
    return checked_toolset(mended(READS, fixed), mended(WRITES, fixed))
