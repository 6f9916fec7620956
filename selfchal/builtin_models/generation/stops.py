"""Finds the token at which a row's text first holds a stop string.

Decoding every row's text at every token would cost more than a small network's forward pass, so a row is
decoded only when its last token's own text could end a stop string.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from selfchal.thoughts import strip_thoughts

Decode = Callable[[Sequence[int]], str]


class StopStrings:
    """Tells whether what a row says aloud holds one of ``stops``: a thought may speak of them. Is asked after
    every token."""

    def __init__(self, stops: Sequence[str], decode: Decode, opened: str = "") -> None:
        """``opened`` is the tag of a thought that the prompt left open."""
        self._stops = tuple(stop for stop in stops if stop)
        self._decode = decode
        self._opened = opened
        self._suspects: dict[int, bool] = {}

    def reached(self, ids: Sequence[int]) -> bool:
        """Does a stop string end within the last of these sampled ids?"""
        if not self._stops:
            return False
        last = ids[-1]
        suspect = self._suspects.get(last)
        if suspect is None:
            suspect = self._suspects[last] = self._could_end(last)
        if not suspect:
            return False
        text = strip_thoughts(self._opened + self._decode(ids))
        return any(stop in text for stop in self._stops)

    def _could_end(self, token: int) -> bool:
        # Some tokenizers drop a lone token's leading space, and give a replacement mark for half a character.
        token_text = self._decode([token])
        if "\ufffd" in token_text or not token_text:
            return True
        return any(_ends_in(stop, text) for stop in self._stops for text in (token_text, f" {token_text}"))


def _ends_in(stop: str, token_text: str) -> bool:
    """Can ``stop`` end inside ``token_text``, given the right text before it?"""
    if stop in token_text:
        return True
    return any(stop.endswith(token_text[:length]) for length in range(1, min(len(token_text), len(stop)) + 1))
