"""How much memory does Python hold at its worst?"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def tracing_memory() -> Iterator[Callable[[], int]]:
    """Gives what tells, within the block, the most bytes that were held since it began."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
