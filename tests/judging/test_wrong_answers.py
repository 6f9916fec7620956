from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from selfchal.core.world import Json
from selfchal.judging.same_answer import Tolerance, is_same_answer
from selfchal.judging.wrong_answers import COUNT, draw_wrong_answers
from tests.support.fuzz import examples

ANSWERS = st.recursive(
    st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=examples(200))
@given(ANSWERS, st.integers())
def test_no_wrong_answer_is_the_right_one(answer: Json, seed: int) -> None:
    for other in draw_wrong_answers(Random(seed), answer, Tolerance(), count=30):
        assert not is_same_answer(other, answer, Tolerance())


def test_a_hundred_are_drawn_and_none_twice() -> None:
    for answer in (6, 710.5, "tenalp", "27 inch", ["a", 3], {"total": 4}):
        drawn = draw_wrong_answers(Random(0), answer, Tolerance())
        assert len(drawn) == COUNT == len({repr(other) for other in drawn})


def test_the_same_secret_draws_the_same_and_another_does_not() -> None:
    one, again, other = (
        draw_wrong_answers(Random(secret), "tenalp", Tolerance()) for secret in ("a", "a", "b")
    )
    assert one == again
    assert len(set(map(repr, one)) & set(map(repr, other))) < COUNT / 4


def test_what_deserves_to_be_tried_comes_first_unless_it_is_right() -> None:
    drawn = draw_wrong_answers(Random(0), "tenalp", Tolerance(), ["open sesame", "Tenalp", 12])
    assert drawn[:2] == ["open sesame", 12]


def test_numbers_come_near_and_far_and_whole_numbers_from_below() -> None:
    drawn = [one for one in draw_wrong_answers(Random(1), 600, Tolerance()) if isinstance(one, int | float)]
    assert any(0.01 < abs(one - 600) / 600 < 0.05 for one in drawn)
    assert any(abs(one) > 6_000 for one in drawn)
    # a verifier may cut off or round what stands behind the point: no draw lies just above the answer
    assert not [one for one in drawn if 600 < one < 601]


def test_texts_come_shorter_longer_shuffled_and_edited() -> None:
    found = draw_wrong_answers(Random(1), "tenalp", Tolerance(), count=400)
    drawn = [one for one in found if isinstance(one, str)]
    assert any("tenalp".startswith(one) for one in drawn if one)
    assert any("tenalp" in one and len(one) > 8 for one in drawn)
    assert any(sorted(one) == sorted("tenalp") for one in drawn)
    assert any(
        len(one) == 6 and sum(a != b for a, b in zip(one, "tenalp", strict=True)) == 1 for one in drawn
    )
    assert any(len(one) > 100 for one in drawn)
