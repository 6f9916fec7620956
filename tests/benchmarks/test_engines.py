"""The pretended workers of benchmarks/engines.py speak as ``SceneHost`` does, so that what they show is the driver's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmarks.loading import FOLDER, load_benchmark

pytestmark = pytest.mark.torch


@pytest.mark.slow
def test_orders_with_pretended_workers_are_finished_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))  # its scenes and samplers lie beside it
    bench: Any = load_benchmark("engines")
    worker = bench.PretendedHost(0.0, 5, 100, [])
    scenes = [bench.RemoteScene(order, lambda: worker, lambda question: "") for order in bench.list_orders(3)]
    episodes = [episode for _, episode in bench.make_rollout(2).play(scenes, [0] * 3, 2)]
    assert [(episode.reward, episode.steps) for episode in episodes] == [(1.0, 5)] * 3
    assert len(worker.traffic) == 3 * (1 + 5), "a start and five turns, of which the last brings the end"
