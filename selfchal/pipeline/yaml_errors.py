"""Says in one sentence what PyYAML found wrong with a text: the line, the cause and what to write instead."""

from __future__ import annotations

import re

from yaml import YAMLError
from yaml.error import Mark, MarkedYAMLError
from yaml.reader import ReaderError

# What PyYAML says, and what it means; {where} is the line in which the part began that it was reading.
_MEANINGS = (
    (r"'\\t'", "a tab stands where only spaces may; indent with spaces"),
    (r"character '[@`%]' that cannot start", "a text that begins with this character is written in quotes"),
    (r"expected ',' or '\}'", "the {{ of {where} is not closed before this, or a comma is missing"),
    (r"expected ',' or '\]'", "the [ of {where} is not closed before this, or a comma is missing"),
    (r"expected the node content", "a value is missing, or a bracket is not closed"),
    (r"unexpected end of stream", "the quote of {where} is not closed"),
    (r"mapping values", "this line is indented too far, or a text with a colon stands without quotes"),
    (r"could not find expected ':'", "the key of {where} has no colon after it"),
    (r"expected <block end>", "this line is not indented as those before it are, from {where} on"),
    (r"'<document start>'", "this line does not go on what is above it; write KEY: VALUE"),
    (r"expected a single document", "a second document begins here (---); write one"),
    (r"could not determine a constructor", "a value cannot have a tag (!…); write the value alone"),
    (r"found undefined alias (.*)", "{found} is defined nowhere; put a text that begins with * in quotes"),
    (r"found unhashable key", "a key is a list or a mapping; write a text or a number"),
    (r"expected a mapping for merging", "what follows << is no mapping"),
)  # fmt: skip


def explain_yaml_error(error: YAMLError, text: str) -> str:
    """One sentence that begins with the line; ``text`` is what was read."""
    if isinstance(error, ReaderError):
        line, code = text.count("\n", 0, error.position) + 1, ord(text[error.position])
        return f"line {line} holds the character U+{code:04X}, which is not allowed; remove it"
    if not isinstance(error, MarkedYAMLError):
        return str(error)
    said = error.problem or error.context or ""
    for pattern, meaning in _MEANINGS:
        if match := re.search(pattern, f"{error.context} {error.problem}"):
            found = match[1] if match.groups() else ""
            said = meaning.format(where=_name_line(error.context_mark), found=found)
            break
    return f"{_name_line(error.problem_mark)}: {said}"


def _name_line(mark: Mark | None) -> str:
    return f"line {mark.line + 1}" if mark else "the text"
