from __future__ import annotations

import time

import pytest


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guest may put the clocks of this process ahead; afterwards they go as before."""
    for name in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, getattr(time, name))
