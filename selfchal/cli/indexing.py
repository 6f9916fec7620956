"""Brings a run's index up to date, and says how far it is where that takes long."""

from __future__ import annotations

from selfchal.browsing.index import RunIndex
from selfchal.cli.terminal import say

_STEP = 2.0  # seconds of indexing between two lines that say how far it is


def catch_up(index: RunIndex) -> None:
    """Index all that is stored. Raises StoreError."""
    while not index.catch_up(_STEP):
        indexed, stored = index.count_indexed()
        say(f"indexing: {indexed:,} of {stored:,} episodes", err=True)
