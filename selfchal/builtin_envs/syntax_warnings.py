"""Keeps Python's warnings about a model's source off the terminal."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silence_syntax_warnings() -> Iterator[None]:
    """Around the parsing of a model's text: its doubtful escapes and literals are no fault of ours."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"<unknown>\Z")  # as ast.parse names a source without a file
        yield
