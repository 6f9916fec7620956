"""Numbers of the airline's policy that the generator and the held-out tasks keep to."""

from __future__ import annotations

_FREE_BAGS = {
    "regular": {"basic_economy": 0, "economy": 1, "business": 2},
    "silver": {"basic_economy": 1, "economy": 2, "business": 3},
    "gold": {"basic_economy": 2, "economy": 3, "business": 3},
}


def free_bags(membership: str, cabin: str) -> int:
    """Checked bags that a passenger does not pay for."""
    return _FREE_BAGS[membership][cabin]
