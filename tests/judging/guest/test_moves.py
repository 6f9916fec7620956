"""The changes that a search makes to an answer: of its type, of any size, and the same ones for the same seed."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.judging.guest.moves import Dice, list_moves

ANSWERS = st.recursive(
    st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | st.text(max_size=12), lambda inner: st.lists(inner, max_size=4)
)  # fmt: skip


@given(ANSWERS, st.integers(0, 2**70), st.sampled_from([1, 2, 64, 2**40, 10**20]))
def test_every_change_is_of_the_answers_type_and_leaves_the_answer_alone(
    value: Any, seed: int, step: int
) -> None:
    before = copy.deepcopy(value)
    for move in list_moves(Dice(seed), value)[:40]:
        changed = move(step)
        assert isinstance(changed, (int, float) if isinstance(value, int | float) else type(value))
        assert value == before


@given(st.text(max_size=12) | st.lists(st.integers(), max_size=4), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_changes(value: Any, seed: int) -> None:
    first, again = ([move(3) for move in list_moves(Dice(seed), value)] for _ in range(2))
    assert first == again


@pytest.mark.parametrize("value", [None, True, False])
def test_what_has_no_neighbours_has_no_changes(value: Any) -> None:
    assert list_moves(Dice(0), value) == []


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (710, 711),
        (710, 708),
        ("plane", "plbne"),
        ("ab", "ba"),
        ([1, 2], [2, 1]),
        (5, 7),
        (710, 71),
        (710, 7105),
    ],
)
def test_near_answers_are_within_a_few_changes(value: Any, wanted: Any) -> None:
    found = [move(step) for seed in range(20) for move in list_moves(Dice(seed), value) for step in (1, 2, 4)]
    assert wanted in found


def test_a_stride_of_a_number_is_gone_by() -> None:
    assert {move(2) for move in list_moves(Dice(0), 10, strides=[97])} >= {10 + 2 * 97, 10 - 2 * 97}


@given(st.integers(), st.integers(1, 50))
def test_dice_shuffle_without_loss(seed: int, count: int) -> None:
    assert sorted(Dice(seed).shuffle(list(range(count)))) == list(range(count))
