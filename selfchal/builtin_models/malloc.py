"""Keep freed memory in the process, so that tensors of the next step come without page faults.

glibc returns every large block to the kernel at once and asks for it again at the next step; on a CPU
that cost a third of all time of a small model's generation and training.
"""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_LARGE = 32 << 20  # larger blocks still come and go: they are few, and kept they would leave holes


def keep_freed_memory() -> None:
    """Does nothing where the C library is not glibc, whose allocator alone does this."""
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MMAP_THRESHOLD, _LARGE)
    libc.mallopt(_TRIM_THRESHOLD, 8 * _LARGE)
