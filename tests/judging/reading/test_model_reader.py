"""A model as a reader: how its letters become a reading. The model's side is played by functions of the prompt."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest

from selfchal.core.errors import PromptRefusedError
from selfchal.core.model import Message
from selfchal.judging.reading.model_reader import NOT_SAID, ModelReader
from selfchal.judging.reading.question import Question, Reading

QUESTION = Question("the reason", "reason", "no longer needed", ("ordered by mistake", "found cheaper"))


def choosing(choice: str) -> Callable[[Sequence[Message]], str]:
    """A model that names this choice, whatever letter it has."""

    def chat(messages: Sequence[Message]) -> str:
        letter = re.search(rf"^([A-Z])\) {re.escape(choice)}$", messages[0].content, re.M)
        assert letter, messages[0].content
        return f"{letter[1]}) {choice}"

    return chat


@pytest.mark.parametrize(
    ("choice", "reading"),
    [
        ("no longer needed", Reading.SAID),
        ("ordered by mistake", Reading.MISSING),
        (NOT_SAID, Reading.MISSING),
    ],
)
def test_a_choice_that_is_named_in_both_orders_decides(choice: str, reading: Reading) -> None:
    answer = ModelReader(choosing(choice)).read("We do not need it.", QUESTION)
    assert (answer.reading, answer.why) == (reading, [choice, choice])


def test_two_answers_that_both_miss_the_value_need_not_be_the_same() -> None:
    replies = iter(["B", "A"])  # another choice, and that the message does not say
    answer = ModelReader(lambda _: next(replies)).read("Call it off.", QUESTION)
    assert (answer.reading, answer.why) == (Reading.MISSING, ["ordered by mistake", NOT_SAID])


@pytest.mark.parametrize("reply", ["A", "D", "I cannot say", "", "Z", "Answer: A."])
def test_a_position_or_no_letter_decides_nothing(reply: str) -> None:
    assert ModelReader(lambda _: reply).read("We do not need it.", QUESTION).reading is Reading.UNSURE


def test_a_prompt_that_an_endpoint_refuses_decides_nothing() -> None:
    def refuse(messages: Sequence[Message]) -> str:
        raise PromptRefusedError("filtered")

    answer = ModelReader(refuse).read("We do not need it.", QUESTION)
    assert answer.reading is Reading.UNSURE
    assert "filtered" in str(answer.why)


def test_cost_is_bounded_by_two_short_prompts_whatever_the_instruction_holds() -> None:
    prompts: list[str] = []

    def chat(messages: Sequence[Message]) -> str:
        prompts.append(messages[0].content)
        return "A"

    crowded = Question("an id", "order", "x" * 5_000, tuple(f"{i}{'y' * 5_000}" for i in range(50)))
    ModelReader(chat).read("word " * 700, crowded)
    assert len(prompts) == 2
    assert max(map(len, prompts)) < 6_000
    assert ModelReader(chat).read("word " * 10_000, crowded).reading is Reading.UNSURE
    assert len(prompts) == 2
