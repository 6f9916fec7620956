"""Parses TOML of strangers at a bounded cost.

Python's parser keeps every beginning of a dotted key: of one with 100,000 parts that takes 20 GB.
"""

from __future__ import annotations

import tomllib
from typing import Any

MOST_DOTS = 300  # in a line; a key cannot go on in the next one


def parse_toml(text: str) -> dict[str, Any]:
    """Raises ValueError, with a sentence, for what is no TOML or is nested too deeply to be read."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.count(".") > MOST_DOTS:
            raise ValueError(f"line {number} holds more than {MOST_DOTS} dots; shorten its key or its text")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
