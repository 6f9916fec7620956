"""The trials again in a world that differs where sound code cannot look: sets, clocks and random numbers.

Sets iterate in another order in each leg, clocks are more than a year ahead, and the shared random generator
is in another state.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from selfchal.judging.guest.runs import Runs
from selfchal.judging.guest.trials import Trials
from selfchal.judging.guest.turned_sets import TURNED_NAMES, Order
from selfchal.judging.guest.worlds import Worlds

_SECONDS_AHEAD = 400 * 86400 + 5 * 3600 + 17 * 60 + 13.37  # another year, month, day, hour, minute and second
_SEED = 20240229


def perturbed_trials(
    given: dict[str, Any],
    reading: list[str],
    writing: list[str],
    most_calls: int,
    legs: list[tuple[list[Any], Any]],
    fresh: int,
) -> list[Any]:
    """As ``trials``; leg 0, 1, 2 runs in that turn of the sets."""
    worlds = Worlds(given, reading, writing)
    runs = Runs(given, worlds, most_calls)
    runs.names.update(TURNED_NAMES)
    leg_by_leg = Trials(runs, worlds, fresh)
    turn_clocks()
    reseed()
    results = []
    for turn, (codes, verifier) in enumerate(legs):
        Order.turn = turn
        results.append(leg_by_leg.run_leg(codes, verifier))
    return results


def turn_clocks() -> None:
    """Put the clocks of this process ahead."""
    for name in ("time", "monotonic", "perf_counter"):
        setattr(time, name, _put_ahead(getattr(time, name)))


def _put_ahead(clock: Any) -> Any:
    return lambda: clock() + _SECONDS_AHEAD


def reseed() -> None:
    """Seed the shared random generator, if it was loaded before the process was forked. Code that loads it
    itself gets a generator that is seeded anew in each process."""
    if "random" in sys.modules:
        sys.modules["random"].seed(_SEED)
