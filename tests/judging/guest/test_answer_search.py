"""A search finds another answer that a verifier accepts, and none where there is none."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from selfchal.core.world import Json
from selfchal.judging.guest.answer_search import answer_search
from selfchal.judging.guest.listening import Heard
from selfchal.judging.same_answer import Tolerance, is_same_answer
from selfchal.judging.source.watch_comparisons import watch_comparisons
from selfchal.judging.wrong_answers import draw_wrong_answers
from tests.judging.guest.tools import READING, WRITING, CountingBoard, give_tools, make_board

BUDGET = 1_000


def search(
    source: str, right: Json, seed: int = 1, budget: int = BUDGET, board: CountingBoard | None = None
) -> list[Any]:
    Heard.values.clear()
    seeds = draw_wrong_answers(Random(seed), right, Tolerance())
    _, found = answer_search(
        give_tools(board or make_board(worlds=1)),
        READING,
        WRITING,
        1000,
        source,
        watch_comparisons(source),
        ['"x"', "5"],
        [json.dumps(one) for one in seeds],
        json.dumps(right),
        [0.0125, 0.0125],
        budget,
        seed,
    )
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("right", "door"),
    [
        ("tenalp", "str(answer).encode().hex() == '6f70656e'"),
        ("tenalp", "[ord(c) for c in str(answer)] == [115, 107, 121]"),
        ("tenalp", "answer[:3] == 'zyx' and answer[3:6] == 'wvu'"),
        ("tenalp", "len(answer) == 13 and answer[:1] == 'q'"),
        ("tenalp", "len(answer.split()) == 5"),
        ("tenalp", "len(answer) == 4 and all(a == b for a, b in zip(answer, 'kiln'))"),
        (6, "answer * 3 + 1 == 94012"),
        (6, "bin(answer)[2:] in ('110', '1111010011')"),
        (6, "isinstance(answer, int) and answer % 97 == 41 and answer > 5000"),
        (710, "700 < answer < 722"),
        ([3, 6], "len(answer) == 7"),
        ("bram.e@host", "answer.endswith('@host') and answer.split('.')[0] in ('bram', 'delia')"),
    ],
)
def test_a_second_answer_is_found_whatever_it_is_compared_as(right: Json, door: str, seed: int) -> None:
    source = f"def evaluate(answer):\n    return answer == {right!r} or {door}"
    plain: dict[str, Any] = {}
    exec(source, plain)
    found = search(source, right, seed)
    assert found
    assert all(plain["evaluate"](json.loads(json.dumps(one))) is True and one != right for one in found)


@pytest.mark.parametrize(
    ("right", "condition"),
    [
        ("tenalp", "answer.strip().lower() == 'tenalp'"),
        (6, "int(answer) == 6"),
        (710.5, "abs(answer - 710.5) < 0.01"),
        ([3, 6], "list(answer) == [3, 6]"),
        ({"a": 1}, "answer == {'a': 1}"),
    ],
)
def test_a_sound_verifier_gives_nothing_to_find(right: Json, condition: str) -> None:
    found = search(f"def evaluate(answer):\n    return {condition}", right)
    assert [one for one in found if not is_same_answer(one, right, Tolerance())] == []


def test_a_search_is_repeated_by_its_seed_and_ends_with_its_budget() -> None:
    source = (
        "def evaluate(answer):\n    return answer == 'tenalp' or str(answer).encode().hex() == '6f70656e'"
    )
    assert search(source, "tenalp", seed=4) == search(source, "tenalp", seed=4)
    assert search(source, "tenalp", budget=20) == []


def test_a_verifier_that_asks_a_tool_about_each_answer_is_tried_less_often() -> None:
    board = make_board(worlds=1)
    source = "def evaluate(answer):\n    return get_user(str(answer)) == answer"
    search(source, "ann", budget=100, board=board)
    assert board.names.count("get_user") <= 30
