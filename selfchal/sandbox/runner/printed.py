"""What a child has printed: a file that it writes to and the host reads, emptied between two runs."""

from __future__ import annotations

import os


def read_printed(fd: int, cap: int) -> bytes:
    """The first ``cap`` bytes, wherever the child goes on to write."""
    return os.pread(fd, cap, 0)


def forget_printed(fd: int) -> None:
    """Empty the file. The child shares the offset, so it goes on to write at the beginning."""
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
