"""The speed of a step, from counts and seconds."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from selfchal.builtin_trainers.speed import (
    Gpu,
    count_operations,
    describe_gpu,
    describe_speed,
    find_peak,
    measure_step,
)
from selfchal.core.episode import Episode, Group
from tests.builtin_trainers import toy

pytestmark = pytest.mark.torch


def play(prompt: int, said: int) -> Episode:
    episode = Episode(task="task", sample=0, reward=1.0)
    episode.ids, episode.mask = [1] * (prompt + said), [0] * prompt + [1] * said
    return episode


def test_each_stage_counts_its_own_tokens() -> None:
    episodes = [play(10, 5), play(20, 15)]
    assert describe_speed(episodes, episodes[:1], (4.0, 0.5)) == {
        "tokens_per_second_rollout": 5.0,
        "tokens_per_second_update": 30.0,
    }
    assert describe_speed(episodes, [], (4.0, 0.0)) == {"tokens_per_second_rollout": 5.0}


def test_frozen_weights_cost_no_gradient_of_their_own() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 5, bias=False), torch.nn.Linear(5, 2, bias=False))
    assert count_operations(network, tokens=10) == 6 * 25 * 10
    network[0].requires_grad_(False)
    assert count_operations(network, tokens=10) == (4 * 25 + 2 * 10) * 10


def test_mfu_is_of_all_gpus_and_only_where_the_peak_is_known() -> None:
    operations = int(40e12)
    found = describe_gpu(Gpu(100e12, 7_500_000_000), operations, 2.0, 4)
    assert found == {"mfu": pytest.approx(0.05), "peak_memory_gb": 7.5}
    assert describe_gpu(Gpu(None, 7_500_000_000), operations, 2.0, 4) == {"peak_memory_gb": 7.5}
    assert describe_gpu(Gpu(100e12, 0), 0, 0.0, 1) == {"peak_memory_gb": 0.0}
    assert describe_gpu(None, operations, 2.0, 1) == {}


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA A10G", 70e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA L4", 121e12),
        ("GeForce GT 710", None),
    ],
)
def test_the_peak_of_a_gpu_is_found_by_its_name(name: str, peak: float | None) -> None:
    assert find_peak(name) == peak


def test_a_step_on_a_cpu_says_its_tokens_a_second_alone() -> None:
    network: Any = toy.tiny_llama()
    groups = [Group("task", (play(10, 5), play(20, 15)))]
    seconds = {"seconds_rollout": 2.0, "seconds_update": 1.0}
    learnt = list(groups[0].episodes)
    assert measure_step(network, groups, learnt, seconds, passes=2) == {
        "tokens_per_second_rollout": 10.0,
        "tokens_per_second_update": 50.0,
    }
    assert measure_step(network, groups, None, seconds, passes=2) == {"tokens_per_second_rollout": 10.0}
