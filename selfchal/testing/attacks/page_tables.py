"""Code that takes memory which no limit of the kernel on a process counts.

Each holds what it took for a moment, and tells of it, where nothing stopped it.
"""

from __future__ import annotations

from dataclasses import replace

from selfchal.core.sandbox import Level, Status
from selfchal.testing.attacks.attack import LIMITS, Attack

_STOPPED = frozenset({Status.MEMORY, Status.EXCEPTION, Status.CRASH, Status.TIMEOUT, Status.OK})
_LIMITS = replace(LIMITS, memory=64 * 2**20, seconds=3.0)
_FRAME = """
import ctypes, time
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
PRIVATE, SHARED, AT_ADDRESS = 0x22, 0x21, 0x10

def take(address, size, flags, touched=1):
    found = libc.mmap(address, size, 3, flags, -1, 0)
    if found in (None, 2 ** 64 - 1):
        raise MemoryError
    ctypes.memset(found, 1, touched)
    return found

def attack(host):
    taken = 0  # bytes that the limit does not count
    try:
        for number in range(1, 12_000):
            taken += one(number)
            if taken > 256 * 2 ** 20:
                break
    except (MemoryError, OSError):
        pass
    time.sleep(0.5)
    if taken > 90 * 2 ** 20:
        return f"took {taken >> 20} MB besides its limit"
"""
_WAYS = {
    "a page in each GiB": """
def one(number):
    take(number << 30, 4096, PRIVATE | AT_ADDRESS)
    return 8192
""",
    "a page in each two GiB, by hint alone": """
def one(number):
    take(number << 31, 4096, PRIVATE)
    return 8192
""",
    "a read page in each GiB": """
def one(number):
    ctypes.string_at(libc.mmap(number << 30, 4096, 1, PRIVATE | AT_ADDRESS, -1, 0), 1)
    return 8192
""",
    "what is left of larger pieces": """
def one(number):
    size = 2 ** 21 + 4096 * number
    found = take(None, size, PRIVATE)
    libc.munmap(found + 4096, size - 4096)
    return 8192
""",
    "a page of shared memory in place of many": """
def one(number):
    found = take(None, 8 * 2 ** 20, SHARED, 8 * 2 ** 20)
    libc.munmap(found + 4096, 8 * 2 ** 20 - 4096)
    return 8 * 2 ** 20
""",
    "a page of a shared mmap object in place of many": """
import mmap
kept = []
def one(number):
    piece = mmap.mmap(-1, 8 * 2 ** 20)
    piece.write(bytes(8 * 2 ** 20))
    address = ctypes.addressof(ctypes.c_char.from_buffer(piece))
    libc.munmap(address + 4096, 8 * 2 ** 20 - 4096)
    kept.append(piece)
    return 8 * 2 ** 20
""",
    "huge pages from the host's own store": """
def one(number):
    take(None, 2 ** 21, PRIVATE | 0x40000)
    return 2 ** 21
""",
}

ATTACKS = [
    Attack(
        name,
        "page tables",
        "memory",
        "stopped near the memory limit",
        _FRAME + way,
        _STOPPED,
        Level.FULL,
        limits=_LIMITS,
    )
    for name, way in _WAYS.items()
]
