"""Code that takes more memory than it may."""

from __future__ import annotations

from dataclasses import replace

from selfchal.core.sandbox import Status
from selfchal.testing.attacks.attack import LIMITS, Attack

_STOPPED = frozenset({Status.MEMORY, Status.EXCEPTION, Status.CRASH, Status.TIMEOUT})
# Little memory and more time, so that it is the memory that runs out.
_LIMITS = replace(LIMITS, memory=64 * 2**20, seconds=3.0)

_SOURCES = {
    "2 GB at once": """
x = bytearray(2 * 2 ** 30)
x[::4096] = b'x' * len(x[::4096])
""",
    "2 GB in pieces": """
x = []
while True:
    x.append(bytearray(2 ** 20))
""",
    "a list without end": """
x = []
while True:
    x.append(len(x))
""",
    "a string that doubles": """
x = 'ab'
while True:
    x += x
""",
    "a dictionary without end": """
x = {}
while True:
    x[len(x)] = str(len(x)) * 100
""",
    "2 GB mapped": """
import mmap
m = mmap.mmap(-1, 2 * 2 ** 30)
m[0] = 1
for i in range(0, len(m), 4096):
    m[i] = 1
""",
    "2 GB mapped and shared": """
import mmap
m = mmap.mmap(-1, 2 * 2 ** 30, mmap.MAP_SHARED)
for i in range(0, len(m), 4096):
    m[i] = 1
""",
    "a decompression bomb": """
import zlib
small = zlib.compress(bytes(2 ** 26))
x = [zlib.decompress(small) for _ in range(64)]
""",
    "a number without end": """
x = 3
while True:
    x = x * x
""",
    "a catcher of MemoryError": """
x = []
while True:
    try:
        x.append(bytearray(2 ** 22))
    except MemoryError:
        pass
""",
    "raising its own limit": """
import resource
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
x = bytearray(2 * 2 ** 30)
x[::4096] = b'x' * len(x[::4096])
""",
}

ATTACKS = [
    Attack(
        name,
        "memory",
        "memory",
        "stopped at the memory limit, or the time limit",
        source,
        _STOPPED,
        limits=_LIMITS,
    )
    for name, source in _SOURCES.items()
]
