"""Answers that are looked up in pages of text: does the instruction say which line is meant?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from selfchal.core.world import Call, Json
from selfchal.judging.reading.question import Question
from selfchal.judging.state_explorer import shape
from selfchal.judging.wording import Wording, features

_LONGEST_LABEL = 60
LABEL = re.compile(rf"\s*([^\W\d_][^:\[\]/]{{0,{_LONGEST_LABEL}}}):\s")  # "Starts at: Mill Bridge"
_AROUND = 1  # lines before and after


def blurred(calls: Sequence[Call], answer: Json, wording: Wording) -> tuple[list[str], list[Question]]:
    """Why the instruction does not single out the answer's line among those alike; then the question that
    remains where it names nothing of the line and may ask for it in other words. Both are empty when it
    does single out the line, or when the answer was not simply read."""
    if answer is None or wording.says(answer):
        return [], []
    pages = [call.value for call in calls if isinstance(call.value, str) and "\n" in call.value]
    for page in reversed(pages):
        lines = page.splitlines()
        at = next((i for i, line in enumerate(lines) if str(answer).casefold() in line.casefold()), None)
        if at is None:
            continue
        mine = wording.mentioned(_list_line_features(lines, at))
        if not mine:
            return [], [_make_question(answer, lines, at)]
        alike = [i for i, line in enumerate(lines) if i != at and shape(line) == shape(lines[at])]
        rivals = [i for i in alike if not mine - _list_line_features(lines, i)]
        return [f"which line gives {answer!r}"] if rivals and not wording.cued else [], []
    return [], []


def _make_question(answer: Json, lines: Sequence[str], at: int) -> Question:
    """Which line of the page is asked for? Lines go by their labels, where they have any."""
    mine = read_label(lines[at])
    labels = [read_label(line) for line in lines if LABEL.match(line)]
    others = tuple(label for label in dict.fromkeys(labels) if label != mine)
    return Question(
        f"what {answer!r} is",
        "thing to look up",
        mine,
        others,
        in_words=True,
        told=f"It is asked for: {mine}.",
    )


def read_label(line: str) -> str:
    label = LABEL.match(line)
    return label[1].strip() if label else line.strip()[:_LONGEST_LABEL]


def _list_line_features(lines: Sequence[str], at: int) -> set[str]:
    return features(lines[max(0, at - _AROUND) : at + _AROUND + 1])
