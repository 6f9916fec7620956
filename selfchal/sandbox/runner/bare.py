"""A child without any wall, for the ``unsafe-subprocess`` sandbox alone: only rlimits hold it."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from . import kernel, wire
from .child import CHANNEL, serve

# Address space that an interpreter takes before it runs anything; generous, since this is no promise.
_BASE_MEMORY = 2**29


def main() -> NoReturn:
    """Entry point: one argument, the descriptor of the channel."""
    os.dup2(int(sys.argv[1]), CHANNEL)
    sys.argv[:] = [""]
    kernel.lower_limit(kernel.RLIMIT_CPU, kernel.MOST_CPU_SECONDS)
    os.write(CHANNEL, wire.READY)
    serve(_BASE_MEMORY)
    os._exit(0)
