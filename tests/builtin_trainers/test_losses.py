"""Loss functions: numbers by hand, mutants that must be noticed, properties."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.policy_loss import advantages, aggregations, clips, corrections, ratios
from selfchal.builtin_trainers.policy_loss.loss import compute_advantages, weigh_tokens
from selfchal.builtin_trainers.policy_loss.seams import ADVANTAGE, AGGREGATION
from selfchal.builtin_trainers.ppo import losses as ppo
from tests.builtin_trainers import ppo_cases, seam_cases
from tests.builtin_trainers.mutants import mutants

pytestmark = pytest.mark.torch

Check = Callable[[ModuleType], None]

# What no number can tell from the original, with the reason.
EQUIVALENT = {
    "centred.square().mean().sqrt() - STABLE",  # 1e-8 beside a deviation
}


CASES: list[tuple[ModuleType, list[Check], int]] = [
    (advantages, [seam_cases.advantages], 6),
    (ratios, [seam_cases.ratios], 3),
    (clips, [seam_cases.clips], 15),
    (aggregations, [seam_cases.aggregations], 8),
    (corrections, [seam_cases.importance, seam_cases.divergence], 12),
    (ppo, ppo_cases.CHECKS, 18),
]
NAMES = [module.__name__.rpartition(".")[2] for module, _, _ in CASES]


@pytest.mark.parametrize(("module", "checks", "_"), CASES, ids=NAMES)
def test_by_hand(module: ModuleType, checks: list[Check], _: int) -> None:
    for check in checks:
        check(module)


def notices(checks: list[Check], module: ModuleType) -> bool:
    for check in checks:
        try:
            check(module)
        except Exception:  # noqa: BLE001 -- a mutant that crashes is noticed as well
            return True
    return False


@pytest.mark.parametrize(("module", "checks", "at_least"), CASES, ids=NAMES)
def test_every_mutant_is_noticed(module: ModuleType, checks: list[Check], at_least: int) -> None:
    made = [
        (what, mutant)
        for what, mutant in mutants(module)
        if not any(what.endswith(known) for known in EQUIVALENT)
    ]
    assert len(made) >= at_least
    assert [what for what, mutant in made if not notices(checks, mutant)] == []


rewards = st.lists(st.floats(-5, 5, width=32), min_size=2, max_size=16)


@given(rewards, st.sampled_from(list(ADVANTAGE.functions)))
def test_advantages_have_zero_mean_and_the_order_of_the_rewards(values: list[float], name: str) -> None:
    reward = torch.tensor(values)
    advantage = compute_advantages(reward, name)
    assert abs(float(advantage.mean())) < 1e-4
    assert bool(((reward[:, None] > reward[None]) <= (advantage[:, None] >= advantage[None])).all())


@given(st.floats(-5, 5, width=32), st.integers(1, 16), st.sampled_from(list(ADVANTAGE.functions)))
def test_equal_rewards_have_advantage_zero(value: float, size: int, name: str) -> None:
    assert not compute_advantages(torch.full((size,), value), name).any()


@given(st.lists(st.integers(1, 50), min_size=1, max_size=10), st.sampled_from(["token", "sequence"]))
def test_weights_of_all_tokens_sum_to_one(lengths: list[int], name: str) -> None:
    counts = torch.tensor(lengths)
    weights = weigh_tokens(counts, None, GrpoConfig(aggregation=name)).policy
    assert float((weights * counts).sum()) == pytest.approx(1, abs=1e-5)


@given(
    st.lists(st.tuples(st.integers(1, 50), st.booleans()), min_size=1, max_size=10),
    st.sampled_from(list(AGGREGATION.functions)),
)
def test_episodes_that_do_not_learn_leave_the_others_their_weight(
    rows: list[tuple[int, bool]], name: str
) -> None:
    lengths = torch.tensor([length for length, _ in rows])
    learns = torch.tensor([own for _, own in rows])
    config = GrpoConfig(aggregation=name)
    weights = weigh_tokens(lengths, learns, config).policy
    assert not weights[~learns].any()
    if learns.any():
        torch.testing.assert_close(weights[learns], weigh_tokens(lengths[learns], None, config).policy)


@given(st.lists(st.floats(-3, 0, width=32), min_size=1, max_size=8))
def test_lambda_one_is_reward_to_go_minus_value(values: list[float]) -> None:
    value = torch.tensor([values])
    reward = torch.zeros_like(value)
    reward[0, -1] = 1.0
    torch.testing.assert_close(ppo.gae(reward, value, 1.0, 1.0), 1.0 - value)


@given(st.lists(st.tuples(st.floats(-4, 0, width=32), st.floats(-4, 0, width=32)), min_size=1, max_size=8))
def test_kl_estimate_is_never_negative(pairs: list[tuple[float, float]]) -> None:
    logprobs, reference = torch.tensor(pairs).T
    assert bool((corrections.kl_to_reference(logprobs, reference) >= -1e-6).all())
