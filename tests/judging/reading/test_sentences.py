"""The sentence encoder recognises the paraphrase of a choice, and leaves everything else unsure."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from selfchal.judging.reading.question import Question, Reading
from selfchal.judging.reading.sentences import PACKAGE, SentenceReader

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec(PACKAGE) is None, reason="the encoder's weights are not installed"),
]

MISTAKE = Question(
    "", "reason", "ordered by mistake", ("no longer needed",), action="Cancel a pending order.", in_words=True
)
HEIGHT = Question("", "thing to look up", "Height", ("Built", "Steps", "Keeper"), in_words=True)


@pytest.mark.parametrize(
    ("instruction", "question"),
    [
        ("My daughter ordered the skates without asking me. Please cancel W14.", MISTAKE),
        ("How tall is the Stone Tower?", HEIGHT),
    ],
)
def test_a_paraphrase_is_recognised(instruction: str, question: Question) -> None:
    assert SentenceReader().read(instruction, question).reading is Reading.SAID


@pytest.mark.parametrize(
    ("instruction", "question"),
    [
        ("Lev Roth, zip 90210. Please cancel order W15.", MISTAKE),  # says what to do and not why
        ("Tell me about the Stone Tower.", HEIGHT),
        ("", MISTAKE),
        ("...", HEIGHT),
        ("My daughter ordered it.", Question("", "an id", "W14", in_words=True)),  # nothing to compare with
        ("Send it in May.", Question("", "date", "2024-05-25", ("2024-06-25",))),  # no words to compare
    ],
)
def test_what_is_not_said_stays_unsure(instruction: str, question: Question) -> None:
    assert SentenceReader().read(instruction, question).reading is Reading.UNSURE
