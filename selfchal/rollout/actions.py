"""The agent's grammar (paper, figures 12 and 20): free thought, then one action or one answer a turn.

    Action:                      or      Answer: the final answer, or what is said to the user
    print(find_user("Ann"))
    End Action

Models vary: fences, upper case, a missing end tag and trailing ``End Answer`` are forgiven. So are
a marker in bold or as a heading, "Final Answer:", and Python between fences without any marker; these are
listed as ``forgiven``, for whoever prompts or trains a model wants to know of them. What a model thinks is
never read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from selfchal.thoughts import is_thinking, strip_closings, strip_thoughts

ACTION_END = "End Action"
ANSWER_END = "End Answer"
# What is forgiven: signs around a marker, "Final" before it, code between fences without a marker.
DECORATED, FINAL_ANSWER, NO_MARKER = "decorated marker", "final answer", "no marker"
STOPS = (ACTION_END, "END ACTION")

_AFTER = r"[*_]{0,3}:[*_]{0,3})[ \t]*"
_ACTION = re.compile(rf"(?P<word>Action{_AFTER}", re.IGNORECASE)
_ACTION_END = re.compile("End Action", re.IGNORECASE)
_ANSWER = re.compile(rf"(?P<word>Answer{_AFTER}", re.IGNORECASE)
# A marker may be quoted, a heading, bold or in italics; a star with a blank behind it is a point of a list.
_BEFORE = re.compile(
    r"[ \t]*(?P<signs>(?:>[ \t]*)?(?:#{1,6}[ \t]*)?[*_]{0,3})(?P<final>(?:The )?Final )?", re.IGNORECASE
)
_LONGEST_BEFORE = 80  # characters before a marker in its line
_FENCES = ("```python\n", "```py\n", "```python3\n", "```tool_code\n")
_ANSWER_END = re.compile("End Answer", re.IGNORECASE)


@dataclass(frozen=True)
class Act:
    """``forgiven`` lists how the turn departed from the grammar."""

    code: str
    forgiven: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Say:
    text: str
    forgiven: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Malformed:
    """A turn with neither an action nor an answer, or with both; ``reminder`` is what the agent is shown."""

    reminder: str


REMINDER = (
    "Reply with exactly one of:\nAction:\n<Python code that calls tools and prints what you need>\n"
    "End Action\nor\nAnswer: <text>"
)


def parse_turn(text: str) -> Act | Say | Malformed:
    """What the agent's turn asks for: whichever of the two markers stands first decides."""
    aloud = strip_closings(strip_thoughts(text))
    action, answer = _find_marker(_ACTION, aloud), _find_marker(_ANSWER, aloud)
    if action and not (answer and answer.start < action.start):
        return Act(_extract_code(aloud[action.end :]), action.forgiven)
    if answer:
        said = _cut_at(_ANSWER_END, aloud[answer.end :])
        following = _find_marker(_ACTION, said)
        said = said[: following.start] if following else said
        return Say(_strip_bold(said.strip(), answer.before), answer.forgiven)
    if code := _find_fenced(aloud):
        return Act(code, (NO_MARKER,))
    if is_thinking(text):
        return Malformed(f"Your reply ended before its thought did. Think less. {REMINDER}")
    return Malformed(f"Your reply has neither an action nor an answer. {REMINDER}")


@dataclass(frozen=True)
class _Marker:
    """Where it begins and ends, the signs ``before`` it, and what of it was ``forgiven``."""

    start: int
    end: int
    before: str
    forgiven: tuple[str, ...]


def _find_marker(pattern: re.Pattern[str], text: str) -> _Marker | None:
    """The first one that begins its line, but for signs that make it stand out."""
    for word in pattern.finditer(text):
        start = max(0, word.start() - _LONGEST_BEFORE)
        *earlier, line = text[start : word.start()].rsplit("\n", 1)
        before = _BEFORE.fullmatch(line) if earlier or start == 0 else None
        if before:
            decorated = bool(before["signs"]) or word["word"][-1] != ":" or not word["word"][-2].isalpha()
            forgiven = [DECORATED] * decorated + [FINAL_ANSWER] * bool(before["final"])
            return _Marker(word.start() - len(line), word.end(), before["signs"], tuple(forgiven))
    return None


def _cut_at(marker: re.Pattern[str], text: str) -> str:
    """What stands before the marker, or all where there is none."""
    found = marker.search(text)
    return text[: found.start()] if found else text


def _strip_bold(text: str, before: str) -> str:
    """An answer without the stars around all of it, or around it and its marker."""
    if before.endswith("**") and text.endswith("**"):
        return text.removesuffix("**").rstrip()
    inner = text.strip("*")
    return inner if text.startswith("**") and text.endswith("**") and "**" not in inner else text


def _find_fenced(text: str) -> str:
    """The code of the first fence that says it is Python; empty where none does."""
    starts = [at for fence in _FENCES if (at := text.find(fence)) >= 0]
    return _extract_code(text[min(starts) :]).strip() if starts else ""


def _extract_code(body: str) -> str:
    return unfenced(_cut_at(_ACTION_END, body).rstrip(" \t*#")).strip("\n")


def unfenced(text: str) -> str:
    """What stands between the first fence and the next one, where the text begins with a fence.

    Plain string search: what a model writes may be megabytes of blanks, on which patterns go quadratic.
    """
    body = text.lstrip()
    if not body.startswith("```"):
        return text
    language, newline, rest = body[3:].partition("\n")
    if not newline or (language.strip() and not language.strip().isalnum()):
        return text
    inner = rest.split("```", maxsplit=1)[0]
    return inner.rstrip(" \t").removesuffix("\n")
