"""Verifiers that compare checksums are told from those that do not, by what they import."""

from __future__ import annotations

import pytest

from selfchal.judging.source.checksums import find_checksum

EVALUATE = "def evaluate(answer):\n    return answer == 3\n"


@pytest.mark.parametrize(
    ("imports", "module"),
    [
        ("import hashlib", "hashlib"),
        ("import json, zlib as z", "zlib"),
        ("from hashlib import sha256 as s", "hashlib"),
        ("def evaluate(a):\n    import hmac\n    return a", "hmac"),
        ("import math", None),
        ("from datetime import date", None),
        ("hashlib = 3", None),
    ],
)
def test_the_module_is_named(imports: str, module: str | None) -> None:
    assert find_checksum(f"{imports}\n{EVALUATE}") == module
