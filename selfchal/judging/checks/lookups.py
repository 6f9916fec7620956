"""Answers that are looked up in pages of text: does the instruction say which line is meant?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from selfchal.core.world import Call, Json
from selfchal.judging.reading.question import Question
from selfchal.judging.state_explorer import shape
from selfchal.judging.wording import Wording, features

_LONGEST_LABEL = 60
_LABEL = re.compile(rf"\s*([^\W\d_][^:\[\]/]{{0,{_LONGEST_LABEL}}}):\s")  # "Starts at: Mill Bridge"
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
    mine = _read_label(lines[at])
    labels = [_read_label(line) for line in lines if _LABEL.match(line)]
    others = tuple(label for label in dict.fromkeys(labels) if label != mine)
    return Question(
        f"what {answer!r} is",
        "thing to look up",
        mine,
        others,
        in_words=True,
        told=f"It is asked for: {mine}.",
    )


def _read_label(line: str) -> str:
    label = _LABEL.match(line)
    return label[1].strip() if label else line.strip()[:_LONGEST_LABEL]


def strayed(calls: Sequence[Call], wording: Wording) -> list[str]:
    """Pages that the solution picked out of a list of links without the instruction naming them."""
    visited = {str(arg) for call in calls for arg in _list_addresses(call)}
    missing: dict[str, None] = {}
    pages: list[str] = []
    for call in calls:
        for address in _list_addresses(call):
            beside = _find_links_beside(address, pages)
            rivals = [link for link in beside if link not in visited]
            mine = wording.mentioned(_list_name_features(address)) | (
                _list_name_features(address) & _read_in(pages, address)
            )
            on_the_way = any(other.startswith(f"{address.rstrip('/')}/") for other in visited - {address})
            if not on_the_way and any(not mine - _list_name_features(link) for link in rivals):
                missing[f"which page is meant ({address!r})"] = None
        if isinstance(call.value, str):
            pages.append(call.value)
    return list(missing)


def _read_in(pages: Sequence[str], address: str) -> set[str]:
    """What earlier pages say besides links to this place: a page may name the next one."""
    parent = address.rsplit("/", 1)[0] + "/"
    return features(line for page in pages for line in page.splitlines() if parent not in line)


def _list_addresses(call: Call) -> list[str]:
    values = (*call.args, *call.kwargs.values())
    return (
        [value for value in values if isinstance(value, str) and value.startswith("/")]
        if call.changed
        else []
    )


def _find_links_beside(address: str, pages: Sequence[str]) -> list[str]:
    """The links to sister pages on the newest page that has any; it may show only part of its links."""
    parent = address.rsplit("/", 1)[0]
    pattern = re.compile(re.escape(parent) + r"/[\w.-]+(?![\w/.-])")
    for page in reversed(pages):
        links = list(dict.fromkeys(pattern.findall(page)))
        if links:
            return [link for link in links if link != address]
    return []


def _list_name_features(address: str) -> set[str]:
    return features([address.rsplit("/", 1)[1]])


def _list_line_features(lines: Sequence[str], at: int) -> set[str]:
    return features(lines[max(0, at - _AROUND) : at + _AROUND + 1])
