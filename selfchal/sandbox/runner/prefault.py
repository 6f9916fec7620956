"""Fresh pages for what children allocate.

A page that a child writes to is copied, and so is one for every size of object that it makes, where the
zygote freed some of that size here and there. Held, they leave the child new pages, which many sizes share.
"""

from __future__ import annotations

_POOL = 16 * 2**10  # what CPython keeps for objects of one size, of which it knows those up to 512 bytes
_LARGER = (32768, 16384, 8192, 4096, 3072, 2048, 1536, 1024, 768, 640, 528)  # those are libc's
_held: list[object] = []


def hold_what_is_free() -> None:
    """Fill the gaps of this process's memory, for good."""
    for size in range(16, 513, 16):
        pool = seen = 0
        while seen < _POOL // size - 9:  # until a pool was nearly empty: that was the last one begun
            _held.append(_hold_block(size))
            here = id(_held[-1]) // _POOL
            seen = seen + 1 if here == pool else 1
            pool = here
    top = id(bytes(100_000))
    for size in _LARGER:
        while id(block := bytes(size)) < top:
            _held.append(block)


def _hold_block(size: int) -> object:
    """An object that takes this much."""
    if size <= 32:
        return object() if size == 16 else complex(1, len(_held))
    return bytes(size - 41)
