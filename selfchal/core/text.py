"""Text as it enters the program: what a model, tool or user wrote can be stored, printed and tokenised.

Python strings may hold lone surrogates (JSON's ``"\\ud800"`` gives one), which no encoding can write: the
first tokenizer, file or terminal that meets one raises.
"""

from __future__ import annotations


def replace_surrogates(text: str) -> str:
    """The text with U+FFFD for every lone surrogate; two that belong together become their character."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
