"""A run of 100,000 episodes: every page in a fraction of a second, in bounded memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.loading import load_benchmark

EPISODES = 100_000
SLOWEST = 200  # milliseconds of the fastest of some requests: other tests may run beside
MOST_MEMORY = 300  # MiB


@pytest.mark.slow
def test_pages_of_a_large_run_are_fast_and_take_little_memory(tmp_path: Path) -> None:
    benchmark = load_benchmark("view")
    benchmark.make_store(tmp_path / "large", EPISODES)
    benchmark.index_run(tmp_path / "large")
    measured = benchmark.measure_pages(tmp_path / "large", EPISODES)
    slow = {name: spent for name, spent in measured.pages.items() if min(spent) > SLOWEST}
    assert slow == {}
    assert measured.memory < MOST_MEMORY
