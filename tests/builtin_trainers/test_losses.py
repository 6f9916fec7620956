"""Loss functions: numbers by hand, mutants that must be noticed, properties."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from selfchal.builtin_trainers.grpo import losses as grpo
from selfchal.builtin_trainers.ppo import losses as ppo
from tests.builtin_trainers import grpo_cases, ppo_cases
from tests.builtin_trainers.mutants import mutants

pytestmark = pytest.mark.torch

Check = Callable[[ModuleType], None]

# What no number can tell from the original, with the reason.
EQUIVALENT = {
    "centred.square().mean().sqrt() - STABLE",  # 1e-8 beside a deviation
}


@pytest.mark.parametrize("check", grpo_cases.CHECKS, ids=lambda check: check.__name__)
def test_grpo_by_hand(check: Check) -> None:
    check(grpo)


@pytest.mark.parametrize("check", ppo_cases.CHECKS, ids=lambda check: check.__name__)
def test_ppo_by_hand(check: Check) -> None:
    check(ppo)


def notices(checks: list[Check], module: ModuleType) -> bool:
    for check in checks:
        try:
            check(module)
        except Exception:  # noqa: BLE001 -- a mutant that crashes is noticed as well
            return True
    return False


@pytest.mark.parametrize(
    ("module", "checks", "at_least"),
    [(grpo, grpo_cases.CHECKS, 25), (ppo, ppo_cases.CHECKS, 18)],
    ids=["grpo", "ppo"],
)
def test_every_mutant_is_noticed(module: ModuleType, checks: list[Check], at_least: int) -> None:
    made = [
        (what, mutant)
        for what, mutant in mutants(module)
        if not any(what.endswith(known) for known in EQUIVALENT)
    ]
    assert len(made) >= at_least
    assert [what for what, mutant in made if not notices(checks, mutant)] == []


rewards = st.lists(st.floats(-5, 5, width=32), min_size=2, max_size=16)


@given(rewards, st.sampled_from(["normalised", "centred"]))
def test_advantages_have_zero_mean_and_the_order_of_the_rewards(values: list[float], kind: str) -> None:
    reward = torch.tensor(values)
    advantage = grpo.group_advantages(reward, kind)  # type: ignore[arg-type]
    assert abs(float(advantage.mean())) < 1e-4
    assert bool(((reward[:, None] > reward[None]) <= (advantage[:, None] >= advantage[None])).all())


@given(st.floats(-5, 5, width=32), st.integers(1, 16), st.sampled_from(["normalised", "centred"]))
def test_equal_rewards_have_advantage_zero(value: float, size: int, kind: str) -> None:
    assert not grpo.group_advantages(torch.full((size,), value), kind).any()  # type: ignore[arg-type]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=10), st.sampled_from(["token", "sequence"]))
def test_weights_of_all_tokens_sum_to_one(lengths: list[int], kind: str) -> None:
    counts = torch.tensor(lengths)
    weights = grpo.token_weights(counts, kind, 1)  # type: ignore[arg-type]
    assert float((weights * counts).sum()) == pytest.approx(1, abs=1e-5)


@given(st.lists(st.floats(-3, 0, width=32), min_size=1, max_size=8))
def test_lambda_one_is_reward_to_go_minus_value(values: list[float]) -> None:
    value = torch.tensor([values])
    reward = torch.zeros_like(value)
    reward[0, -1] = 1.0
    torch.testing.assert_close(ppo.gae(reward, value, 1.0, 1.0), 1.0 - value)


@given(st.lists(st.tuples(st.floats(-4, 0, width=32), st.floats(-4, 0, width=32)), min_size=1, max_size=8))
def test_kl_estimate_is_never_negative(pairs: list[tuple[float, float]]) -> None:
    logprobs, reference = torch.tensor(pairs).T
    assert bool((grpo.kl_to_reference(logprobs, reference) >= -1e-6).all())
