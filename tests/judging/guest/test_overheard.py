"""A verifier that compares an answer with something tells what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from selfchal.judging.guest.listening import Heard, ListeningText, make_listening
from selfchal.judging.guest.overheard import overheard
from tests.judging.guest.tools import READING, WRITING, give_tools, make_board


def listen(source: str, *answers: Any) -> list[Any]:
    Heard.values.clear()
    told = [json.dumps(answer) for answer in answers or ("x", 5, 2.5)]
    return overheard(give_tools(make_board(worlds=1)), READING, WRITING, 1000, source, told)


@pytest.mark.parametrize(
    ("condition", "heard"),
    [
        ("answer == ''.join(['open', ' door'])", "open door"),
        ("''.join(['open', ' door']) == answer", "open door"),
        ("answer in ('a', 'yek'[::-1])", "key"),
        ("answer.strip().lower() == 'MI' + 'ce'", "MIce"),
        ("str(answer) == chr(65) + 'b'", "Ab"),
        ("answer != get_order('W101')['city']", "Oslo"),
        ("answer == 2 ** 13 + 5", 8197),
        ("abs(answer - 7 * 6) < 1", 42),
        ("7 * 6.5 <= answer", 45.5),
    ],
)
def test_what_an_answer_is_compared_with_is_heard(condition: str, heard: Any) -> None:
    assert heard in listen(f"def evaluate(answer):\n    return {condition}")


def test_a_verifier_that_raises_or_flips_tells_what_it_told_before() -> None:
    assert listen("def evaluate(answer):\n    answer == 'one'\n    raise ValueError") == ["one"]
    assert listen("def evaluate(answer):\n    return answer == float('inf') or answer == float('nan')") == []
    endless = "def evaluate(answer):\n    return any(answer == str(n) for n in range(10_000))"
    assert len(listen(endless)) == 50


@pytest.mark.parametrize("answer", ["text", 5, 2.5, None, True, [1], {"a": 1}])
def test_an_answer_that_listens_is_what_it_was(answer: Any) -> None:
    made = make_listening(json.dumps(answer))
    assert made == answer
    assert isinstance(made, type(answer))
    assert json.dumps(made) == json.dumps(answer)


def test_a_text_goes_on_listening_in_another_form() -> None:
    assert isinstance(ListeningText(" Ab ").strip().casefold().replace("a", "b"), ListeningText)
    assert {ListeningText("a"): 1}["a"] == 1
