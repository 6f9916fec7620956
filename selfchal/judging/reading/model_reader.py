"""A model as a reader: which of these does the message ask for, or does it not say?

The question is a closed choice with one letter as its answer. It is put twice, the second time with the
choices in reverse order, because small models prefer a position. Where both answers name the value, it is
said. Where neither does, it is missing: the instruction does not lead to what evaluate demands. Where one of
them does, or is no choice at all, the reader cannot tell.

The instruction is the challenger's, and may try to talk the reader into an answer. It gains nothing by that:
what a reader calls said would have been kept and marked without one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import ClassVar

from selfchal.core.environment import Chat
from selfchal.core.errors import PromptRefusedError
from selfchal.core.model import Message
from selfchal.judging.reading.question import Answer, Question, Reading

NOT_SAID = "the message does not say"
_QUESTION = """Read this message to an assistant.

Message: {instruction}

What does the message say about the {topic}? It may use other words.
{choices}

Reply with one letter."""
_LONGEST_MESSAGE = 4_000  # characters; a longer instruction is not asked about
_LONGEST_CHOICE = 160
_MOST_OTHERS = 8
_LETTER = re.compile(r"(?<![^\W_])([A-J])(?![^\W_])")


@dataclass(frozen=True)
class ModelReader:
    """Two short greedy answers a question."""

    chat: Chat
    name: ClassVar[str] = "model"

    def read(self, instruction: str, question: Question) -> Answer:
        if len(instruction) > _LONGEST_MESSAGE:
            return Answer(Reading.UNSURE, "the instruction is too long to ask about")
        choices = [question.value, *question.others[:_MOST_OTHERS], NOT_SAID]
        try:
            chosen = [self._ask(instruction, question, order) for order in (choices, choices[::-1])]
        except PromptRefusedError as error:
            return Answer(Reading.UNSURE, f"the model would not answer: {error}"[:200])
        named = [choice == question.value for choice in chosen]
        if None in chosen or named[0] != named[1]:
            return Answer(Reading.UNSURE, [*chosen])
        return Answer(Reading.SAID if named[0] else Reading.MISSING, [*chosen])

    def _ask(self, instruction: str, question: Question, choices: Sequence[str]) -> str | None:
        """The choice that the model names; None where it names none."""
        listed = (
            f"{letter}) {choice[:_LONGEST_CHOICE]}"
            for letter, choice in zip(ascii_uppercase, choices, strict=False)
        )
        prompt = _QUESTION.format(
            instruction=" ".join(instruction.split()), topic=question.topic, choices="\n".join(listed)
        )
        letter = _LETTER.search(self.chat([Message("user", prompt)]))
        index = ascii_uppercase.index(letter[1]) if letter else len(choices)
        return choices[index] if index < len(choices) else None
