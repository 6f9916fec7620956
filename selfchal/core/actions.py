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
_ACTION_END = re.compile(r"^[ \t]*End Action|[ \t]*End Action", re.IGNORECASE)
_ANSWER = re.compile(r"^[ \t]*Answer:[ \t]*", re.IGNORECASE | re.MULTILINE)
_ANSWER_END = re.compile(r"\s*End Answer\s*", re.IGNORECASE)
_FENCE = re.compile(r"^\s*```[a-zA-Z]*[ \t]*\n(.*?)(?:\n\s*```\s*|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Act:
    code: str


@dataclass(frozen=True)
class Say:
    text: str


@dataclass(frozen=True)
class Malformed:
    """Neither, or both: ``reminder`` is the observation that the agent gets."""

    reminder: str


REMINDER = (
    "Reply with exactly one of:\nAction:\n<Python code that calls tools and prints what you need>\n"
    "End Action\nor\nAnswer: <text>"
)


def parse_turn(text: str) -> Act | Say | Malformed:
    """What the agent's turn asks for: whichever of the two markers stands first decides."""
    action, answer = _ACTION.search(text), _ANSWER.search(text)
    if action and not (answer and answer.start() < action.start()):
        return Act(_code(text[action.end() :]))
    if answer:
        return Say(_ANSWER_END.split(text[answer.end() :], maxsplit=1)[0].strip())
    return Malformed(f"Your reply has neither an action nor an answer. {REMINDER}")


def _code(body: str) -> str:
    body = _ACTION_END.split(body, maxsplit=1)[0]
    fence = _FENCE.match(body)
    return (fence.group(1) if fence else body).strip("\n")
