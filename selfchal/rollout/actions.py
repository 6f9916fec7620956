"""The agent's grammar (paper, figures 12 and 20): free thought, then one action or one answer a turn.

    Action:                      or      Answer: the final answer, or what is said to the user
    print(find_user("Ann"))
    End Action

Models vary: fences, upper case, a missing end tag and trailing ``End Answer`` are forgiven.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ACTION_END = "End Action"
ANSWER_END = "End Answer"
STOPS = (ACTION_END, "END ACTION")

_ACTION = re.compile(r"^[ \t]*Action:[ \t]*", re.IGNORECASE | re.MULTILINE)
_ACTION_END = re.compile("End Action", re.IGNORECASE)
_ANSWER = re.compile(r"^[ \t]*Answer:[ \t]*", re.IGNORECASE | re.MULTILINE)
_ANSWER_END = re.compile("End Answer", re.IGNORECASE)


@dataclass(frozen=True)
class Act:
    code: str


@dataclass(frozen=True)
class Say:
    text: str


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
    action, answer = _ACTION.search(text), _ANSWER.search(text)
    if action and not (answer and answer.start() < action.start()):
        return Act(_extract_code(text[action.end() :]))
    if answer:
        said = _ANSWER_END.split(text[answer.end() :], maxsplit=1)[0]
        return Say(_ACTION.split(said, maxsplit=1)[0].strip())
    return Malformed(f"Your reply has neither an action nor an answer. {REMINDER}")


def _extract_code(body: str) -> str:
    return unfenced(_ACTION_END.split(body, maxsplit=1)[0].rstrip(" \t")).strip("\n")


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
