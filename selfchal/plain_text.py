"""Text from a model, a tool or an endpoint, made safe to show on a terminal, without hiding any of it."""

from __future__ import annotations

import re

MARK = "\ufffd"  # stands where something was that is not shown
# Control characters but tab and newline (escape sequences begin with one), what turns the direction of text
# around, letters that no font draws (tags), and halves of surrogate pairs, which no terminal can be sent.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]"
)
# Colours alone go without a mark: they say nothing, and what tools print is full of them.
_COLOUR = re.compile("(?:\x1b\\[|\x9b)(?:[0-9]{0,3}[;:]){0,16}[0-9]{0,3}m")
# A sequence without its end is none, and one never goes beyond its line: else an introducer alone would hide
# all that follows.
_SEQUENCE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # movements
    "|(?:\x1b\\]|\x9d)[^\x00-\x1f\x7f-\x9f]*(?:\x07|\x1b\\\\|\x9c)"  # titles, links, the clipboard
    "|\x1b\\]"  # an introducer alone
)


def make_plain(text: str) -> str:
    """The text without commands to a terminal. Colours go; what else is taken out leaves U+FFFD behind."""
    uncoloured = _COLOUR.sub("", text.replace("\r\n", "\n"))
    return _UNSAFE.sub(MARK, _SEQUENCE.sub(MARK, uncoloured))
