"""What a run's tokens say, read from the tokenizer that stands beside its trained weights.

Only the file's list of tokens is read, as data: no tokenizer is built, and nothing in it runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from selfchal.text_files import read_text_file

_LARGEST = 20 * 2**20  # bytes of a tokenizer's file
_NONE: Mapping[int, str] = MappingProxyType({})


def read_token_texts(directory: Path) -> Mapping[int, str]:
    """The text of each token by its number; empty where the run kept no tokenizer that can be read."""
    try:
        found = sorted((directory / "checkpoints").glob("*/*/tokenizer.json"))
        if not found or found[0].stat().st_size > _LARGEST:
            return _NONE
        return _read_file(found[0], found[0].stat().st_mtime_ns)
    except OSError:
        return _NONE


@lru_cache(maxsize=4)
def _read_file(path: Path, changed: int) -> Mapping[int, str]:
    """``changed`` makes the cache forget a file that was written anew."""
    try:
        return dict(_list_tokens(json.loads(read_text_file(path, _LARGEST))))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return _NONE  # of a kind that is not known here


def _list_tokens(tokenizer: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    vocabulary = tokenizer["model"]["vocab"]
    is_list = isinstance(vocabulary, list)  # Unigram: tokens with their scores, by number
    pairs = (
        enumerate(entry[0] for entry in vocabulary) if is_list else ((n, t) for t, n in vocabulary.items())
    )
    letters = _list_byte_letters() if '"ByteLevel"' in json.dumps(tokenizer.get("decoder")) else {}
    for number, token in pairs:
        yield number, _decode(token, letters)
    for added in tokenizer.get("added_tokens", ()):
        yield added["id"], added["content"]


def _decode(token: str, letters: Mapping[str, int]) -> str:
    if letters and all(letter in letters for letter in token):
        return bytes(letters[letter] for letter in token).decode("utf-8", "replace")
    return token.replace("\u2581", " ")  # SentencePiece's blank


def _list_byte_letters() -> dict[str, int]:
    """The letter that stands for each byte in GPT-2's vocabulary, and in all that follow it."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {chr(byte): byte for byte in plain}
    others = [byte for byte in range(256) if byte not in plain]
    return letters | {chr(256 + i): byte for i, byte in enumerate(others)}
