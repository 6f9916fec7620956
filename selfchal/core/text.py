"""Text as it enters the program: what a model, tool or user wrote can be stored, printed and tokenised.

Python strings may hold lone surrogates (JSON's ``"\\ud800"`` gives one), which no encoding can write: the
first tokenizer, file or terminal that meets one raises.
"""

from __future__ import annotations

from selfchal.core.world import Json


def replace_surrogates(text: str) -> str:
    """The text with U+FFFD for every lone surrogate; two that belong together become their character."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def replace_surrogates_within(value: Json) -> Json:
    """The same value with no lone surrogate in its texts and keys."""
    if isinstance(value, dict):
        return {replace_surrogates(key): replace_surrogates_within(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [replace_surrogates_within(inner) for inner in value]
    return replace_surrogates(value) if isinstance(value, str) else value
