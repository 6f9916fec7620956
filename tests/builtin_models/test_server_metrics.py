"""Sums that servers tell become what happened between two looks. The text is of vLLM 0.32."""

from __future__ import annotations

import pytest

from selfchal.builtin_models.server_metrics import SamplingMeter, read_sums

TEXT = """# HELP vllm:prefix_cache_hits_total Prefix cache hits, in terms of number of cached tokens.
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0",model_name="/a} b/wide"} 155.0
vllm:prefix_cache_queries_total{engine="0",model_name="/a} b/wide"} 620.0
vllm:external_prefix_cache_hits_total{engine="0",model_name="/a} b/wide"} 9.0
vllm:generation_tokens_total{engine="0",model_name="/a} b/wide"} 100.0
vllm:generation_tokens_total{engine="1",model_name="/a} b/wide"} 70.0
vllm:generation_tokens_created{engine="0",model_name="/a} b/wide"} 1.7959556534934542e+09
vllm:request_inference_time_seconds_sum{engine="0",model_name="/a} b/wide"} 10.5
vllm:request_inference_time_seconds_sum{engine="2",model_name="odd"} none
"""


def test_the_sums_of_all_engines_are_read() -> None:
    assert read_sums(TEXT) == {"found": 155, "looked_up": 620, "tokens": 170, "row_seconds": 10.5}
    assert read_sums("<html>no metrics here</html>") == {}


def test_between_two_looks() -> None:
    meter = SamplingMeter()
    first = {"a": read_sums(TEXT), "b": {"tokens": 30.0, "row_seconds": 1.5}}
    assert meter.measure(first, busy=4.0, lost=0) == pytest.approx(
        {
            "sampled_tokens": 200,
            "servers_lost": 0,
            "sampled_tokens_per_second": 50,
            "rows_generating": 1.5,
            "prefix_found": 0.25,
        }
    )
    restarted = {"a": {**first["a"], "tokens": 180.0}, "b": {"tokens": 5.0, "row_seconds": 1.0}}
    assert meter.measure(restarted, busy=6.0, lost=1) == pytest.approx(
        {"sampled_tokens": 15, "servers_lost": 1, "sampled_tokens_per_second": 7.5, "rows_generating": 0.25}
    )
    assert meter.measure({}, busy=6.0, lost=1) == {"sampled_tokens": 0, "servers_lost": 0}
