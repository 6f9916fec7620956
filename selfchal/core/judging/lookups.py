"""Answers that are looked up in pages of text: does the instruction say which line is meant?"""

from __future__ import annotations

from collections.abc import Sequence

from selfchal.core.judging.survey import shape
from selfchal.core.judging.wording import Wording, features
from selfchal.core.world import Call, Json

_AROUND = 1  # lines before and after


def blurred(calls: Sequence[Call], answer: Json, wording: Wording) -> list[str]:
    """Why the instruction does not single out the answer's line among those alike; empty when it does,
    or when the answer was not simply read."""
    if answer is None or wording.says(answer):
        return []
    pages = [call.value for call in calls if isinstance(call.value, str) and "\n" in call.value]
    for page in reversed(pages):
        lines = page.splitlines()
        at = next((i for i, line in enumerate(lines) if str(answer).casefold() in line.casefold()), None)
        if at is None:
            continue
        mine = wording.mentioned(_about(lines, at))
        if not mine:
            return [f"what {answer!r} is"]
        alike = [i for i, line in enumerate(lines) if i != at and shape(line) == shape(lines[at])]
        rivals = [i for i in alike if not mine - _about(lines, i)]
        return [f"which line gives {answer!r}"] if rivals and not wording.cued else []
    return []


def _about(lines: Sequence[str], at: int) -> set[str]:
    return features(lines[max(0, at - _AROUND) : at + _AROUND + 1])
