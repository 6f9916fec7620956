"""The fleet keeps its servers' rows busy, and the benchmark that says so counts right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.loading import load_benchmark
from tests.support.vllm_protocol import ClockSampler, write_python

pytestmark = pytest.mark.torch


@pytest.mark.slow
def test_rows_generate_nearly_all_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench: Any = load_benchmark("slot_use")
    path = bench.write_model(tmp_path / "model", "llama")
    monkeypatch.setenv("SELFCHAL_PROTOCOL_ROWS", "8")
    monkeypatch.setenv("SELFCHAL_PROTOCOL_STEP", "0.004")
    config = bench.VllmConfig(
        path=str(path), python=str(write_python(tmp_path)), replicas=2, train=False, device="cpu"
    )
    model = bench.VllmModel(config)
    try:
        scenes = [bench.Scene(str(number), 4, 0.05) for number in range(256)]
        found = bench.measure(model, scenes, 16, lockstep=True)
    finally:
        model.close()
    assert 80 < found["tokens a turn"] < 120
    assert 0.85 <= found["slot use"] <= 1


def test_the_clock_says_the_same_to_the_same_seed() -> None:
    body = {"model": "base", "prompt": [1, 2], "seed": 3, "max_tokens": 512, "stop_token_ids": [2]}
    one, other = ClockSampler(4, 0.0), ClockSampler(4, 0.0)
    assert one.speak(body) == other.speak(body) != one.speak({**body, "seed": 4})
    lengths = [len(one.speak({**body, "seed": seed})[0]) for seed in range(2000)]
    assert 90 < sum(lengths) / len(lengths) < 105
    assert max(lengths) == 512
    assert one.generated == 0
    timed = ClockSampler(4, 0.0001)
    ids, _, _ = timed.speak(body)
    assert timed.generated == pytest.approx(len(ids) * 0.0001)
