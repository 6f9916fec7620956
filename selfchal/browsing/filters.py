"""Which episodes are asked for, and how that is said to the index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal

from selfchal.browsing.outcomes import WORDS
from selfchal.core.errors import StoreError

Where = Literal["said", "seen", "asked", ""]  # the agent's words, the tools', the task's; agent's and tools'
_TERM = re.compile(r'"([^"]*)"|(\S+)')
_LETTER = re.compile(r"\w")
MOST_TERMS = 20
_TEXTS = {
    "stage": "e.stage IN (SELECT id FROM stages WHERE stage=?)",
    "mode": "e.stage IN (SELECT id FROM stages WHERE mode=?)",
    "family": "e.family IN (SELECT id FROM families WHERE name=?)",
    "task": "e.task IN (SELECT id FROM tasks WHERE name=?)",
    "end": "e.ending=?",
}
_OUTCOMES = {
    "solved": "e.outcome=?",
    "before": "EXISTS (SELECT 1 FROM pairs p WHERE p.id=e.pair AND p.before=?)",
    "after": "EXISTS (SELECT 1 FROM pairs p WHERE p.id=e.pair AND p.after=?)",
}


@dataclass(frozen=True)
class EpisodeFilter:
    """Everything that is set must hold; what is empty or None asks for nothing.

    ``stage`` and ``mode`` are those of a moment (``evaluate before``, ``sampled``). ``solved`` is ``solved``,
    ``failed`` or ``unjudged``. ``before`` and ``after`` say the same of a held-out task's two attempts that
    belong together. ``steps`` are turns of the agent, ``tokens`` those of the conversation. ``text`` are
    words that must all have been said, in any order; a phrase stands in double quotes, and ``conv*`` is how a
    word begins.
    """

    stage: str = ""
    mode: str = ""
    solved: str = ""
    before: str = ""
    after: str = ""
    family: str = ""
    task: str = ""
    end: str = ""
    min_steps: int | None = None
    max_steps: int | None = None
    min_tokens: int | None = None
    max_tokens: int | None = None
    text: str = ""
    where: Where = ""

    def is_empty(self) -> bool:
        return all(getattr(self, field.name) in ("", None) for field in fields(self))


def write_conditions(wanted: EpisodeFilter) -> Iterator[tuple[str, object]]:
    """Conditions in SQL, each with its value; the text is asked for apart (``write_match``).

    Raises StoreError for a word that is no outcome.
    """
    for name, condition in _TEXTS.items():
        if value := getattr(wanted, name):
            yield condition, value
    for name, condition in _OUTCOMES.items():
        if value := getattr(wanted, name):
            yield condition, read_outcome(value)
    for column in ("steps", "tokens"):
        for bound, sign in (("min", ">="), ("max", "<=")):
            if (value := getattr(wanted, f"{bound}_{column}")) is not None:
                yield f"e.{column}{sign}?", value


def read_outcome(word: str) -> int:
    """Raises StoreError where the word is no outcome."""
    if word not in WORDS:
        raise StoreError(f"{word[:80]!r} is no outcome; there are: {', '.join(WORDS)}")
    return int(WORDS[word])


def write_match(text: str, where: Where) -> str:
    """The words in the language of the full text index; empty where there is no word in the text.

    Nothing that a person types is read as an operator.
    """
    terms = [quoted or word for quoted, word in _TERM.findall(text)][:MOST_TERMS]
    quoted = [_quote(term) for term in terms if _LETTER.search(term)]
    if not quoted:
        return ""
    return f"{{{where or 'said seen'}}} : ({' AND '.join(quoted)})"


def _quote(term: str) -> str:
    begins = term.endswith("*")
    plain = term.rstrip("*").replace('"', " ").replace("\x00", " ")
    return f'"{plain}"{" *" if begins else ""}'


def find_first_term(text: str) -> str:
    """What a list shows around: the first word or phrase that is searched for."""
    return next((quoted or word.rstrip("*") for quoted, word in _TERM.findall(text)), "")
