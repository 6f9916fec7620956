"""Text from a model, a tool or an endpoint, made safe to show on a terminal."""

from __future__ import annotations

import re

# Control characters but tab and newline (escape sequences begin with one), what turns the direction of text
# around, and halves of surrogate pairs, which no terminal can be sent.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SEQUENCE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, movements
    "|(?:\x1b\\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)?"  # titles, links, the clipboard
)


def make_plain(text: str) -> str:
    """The text without escape sequences; any other unsafe character becomes U+FFFD."""
    return _UNSAFE.sub("\ufffd", _SEQUENCE.sub("", text.replace("\r\n", "\n")))
