"""Statements in a query language as arguments: what an instruction has to say of one are its literals.

A tool may take a statement in SQL, a filter, or JSON as one text. Nobody says such a text word by word. What
an agent cannot know by itself are the values in it: the texts between quotes and the numbers. Names of tables
and columns, and the words of the language, it can read and know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# SQL without any value in it: its own words stand where prose would not have them.
_STATEMENT = re.compile(
    r"\s*(?:select\s+(?:distinct\s+)?[\w.*]+(?:\s*,\s*[\w.*]+)*\s+from\s+[\w.]+\s*"
    r"(?:;|$|(?:where|order\s+by|group\s+by|limit|join|inner|left)\s)"
    r"|select\s.*\w\(.*\sfrom\s+[\w.]+|insert\s+into\s+[\w.]+\s*(?:\(|values)|update\s+[\w.]+\s+set\s+[\w.]+\s*="
    r"|delete\s+from\s+[\w.]+\s*(?:;|$|where\s)|with\s+\w+\s+as\s*\()",
    re.IGNORECASE | re.DOTALL,
)
_SIGN = re.compile(r"[=<>{}\[\]|]|\w\(")  # outside quotes these are no prose
# A text between quotes, or a number. A word in double quotes before a colon is a key of JSON.
_LITERAL = re.compile(
    r"'(?P<single>(?:[^'\\]|\\.|'')*)'|\"(?P<double>(?:[^\"\\]|\\.)*)\"(?P<key>\s*:)?|(?<![\w.])(?P<number>-?\d+(?:\.\d+)?)(?![\w.])"
)
_LONGEST = 2_000  # characters of a statement: the patterns take its square, and a model wrote it
_COUNTED = frozenset({"0", "1"})  # truth values, and how many rows are wanted: a language's own, not a task's


@dataclass(frozen=True)
class Literal:
    """One value in a statement, and the text ``before`` and ``after`` it."""

    value: str | int | float
    before: str
    after: str

    def exchange(self, other: object) -> str:
        """The statement with another value in this place."""
        return f"{self.before}{other}{self.after}"


def find_literals(text: str) -> list[Literal] | None:
    """The values in a statement, of which there may be none; None for a text that is no statement."""
    if len(text) > _LONGEST:
        return None
    bare = _LITERAL.sub(" ", text)
    if not _STATEMENT.match(text) and (bare == text or not _SIGN.search(bare)):
        return None
    return list(_read_literals(text))


def _read_literals(text: str) -> Iterator[Literal]:
    for match in _LITERAL.finditer(text):
        if match["number"] is not None:
            if match["number"] not in _COUNTED:
                number = float(match["number"]) if "." in match["number"] else int(match["number"])
                yield Literal(number, text[: match.start()], text[match.end() :])
            continue
        name = "single" if match["single"] is not None else "double"
        start, end = match.span(name)
        inner = match[name].strip("%")  # what a pattern leaves open
        if inner and match["key"] is None:
            start = text.index(inner, start, end)
            value = inner.replace("''", "'") if name == "single" else inner
            yield Literal(value, text[:start], text[start + len(inner) :])
