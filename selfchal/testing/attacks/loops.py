"""Code that does not end: in Python, in C, while ending, and against the clock that should stop it."""

from __future__ import annotations

from selfchal.core.sandbox import Status
from selfchal.testing.attacks.attack import Attack

# A sandbox that lacks a feature may refuse it instead of running it.
_STOPPED = frozenset({Status.TIMEOUT, Status.EXCEPTION, Status.MEMORY, Status.CRASH})

_SOURCES = {
    "a loop": "while True:\n    pass",
    "a loop that catches everything": """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
""",
    "a loop inside finally": """
try:
    1 / 0
finally:
    while True:
        pass
""",
    "a power in C": "x = 7 ** (10 ** 9)",
    "digits of a huge number": """
import sys
sys.set_int_max_str_digits(0)
x = str(7 ** 3000000)
""",
    "a regular expression that backtracks": """
import re
re.match('(a+)+$', 'a' * 64 + 'b')
""",
    "a sum over an endless iterator": """
import itertools
sum(itertools.count())
""",
    "a comparison that never returns": """
class E:
    def __lt__(self, other):
        while True:
            pass
sorted([E(), E()])
""",
    "sleep": "import time\ntime.sleep(1000)",
    "a lock that nobody frees": """
import threading
lock = threading.Lock()
lock.acquire()
lock.acquire()
""",
    "waiting for input": """
import os
while True:
    os.read(0, 1)
""",
    "signals ignored": """
import signal
for s in range(1, 32):
    try:
        signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    pass
""",
    "an exception that never becomes text": """
class E(Exception):
    def __str__(self):
        while True:
            pass
raise E()
""",
    "endless recursion": "def f():\n    f()\nf()",
    "recursion without a limit": """
import sys
sys.setrecursionlimit(10 ** 9)
def f(x):
    return [f(x)]
f(1)
""",
    "stopping itself": """
import os, signal
os.kill(os.getpid(), signal.SIGSTOP)
while True:
    pass
""",
}
_ANSWER = """
def attack(host):
    return None
"""
_AT_THE_END = {
    "a loop in atexit": """
import atexit
def f():
    while True:
        pass
atexit.register(f)
""",
    "a loop in __del__": """
class E:
    def __del__(self):
        while True:
            pass
keep = E()
""",
    "a loop in a finalizer": """
import weakref
class E:
    pass
def f():
    while True:
        pass
keep = E()
weakref.finalize(keep, f)
""",
}

ATTACKS = [
    Attack(name, "loops", "wall_time", "stopped at the time limit, or refused", source, _STOPPED)
    for name, source in _SOURCES.items()
] + [
    Attack(
        name,
        "loops",
        "wall_time",
        "the answer counts, or the time limit does; nothing runs on",
        source + _ANSWER,
    )
    for name, source in _AT_THE_END.items()
]
