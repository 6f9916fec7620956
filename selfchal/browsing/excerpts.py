"""What stands around a word that was searched for."""

from __future__ import annotations

import re

from selfchal.core.episode import Episode

_AROUND = 60  # characters on either side


def find_excerpt(episode: Episode, term: str) -> tuple[str, str, str] | None:
    """The text before the first match, the match, and the text after it; None where it is nowhere.

    As in the index upper case counts as lower, and what stands between words does not count. The system
    prompt is left out.
    """
    words = re.findall(r"\w+", term)
    if not words:
        return None
    pattern = re.compile(r"[\W_]+".join(map(re.escape, words)), re.IGNORECASE)
    for message in episode.messages:
        found = None if message.role == "system" else pattern.search(message.content)
        if found:
            before = message.content[max(0, found.start() - _AROUND) : found.start()]
            return before, found[0], message.content[found.end() : found.end() + _AROUND]
    return None
