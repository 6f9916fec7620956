"""Code that floods its host, or answers with what is no value."""

from __future__ import annotations

from selfchal.core.sandbox import Status
from selfchal.testing.attacks.attack import ANY, Attack
from selfchal.testing.attacks.source import caught

_NOT_OK = ANY - {Status.OK}
# Bounded output, whatever the status: a trap measures what came back.
_FLOODS = {
    "printing without end": """
while True:
    print('x' * 1000)
""",
    "printing 300 MB": """
for _ in range(300):
    print('x' * 2 ** 20)
""",
    "writing to descriptor 1": """
import os
while True:
    os.write(1, b'x' * 65536)
""",
    "writing to descriptor 2": """
import os
while True:
    os.write(2, b'x' * 65536)
""",
    "writing to every descriptor": """
import os
for fd in range(0, 64):
    for _ in range(100):
        try:
            os.write(fd, b'x' * 4096)
        except OSError:
            break
""",
    "bytes that are no text": """
import os
os.write(1, bytes(range(256)) * 10)
""",
    "lone surrogates in print": "print('\\ud800' * 10)",
    "terminal commands": "print('\\x1b[2J\\x1b]0;title\\x07')",
    "an error as long as a book": "raise ValueError('x' * 10 ** 7)",
    "an error with lone surrogates": "raise ValueError('\\udcff')",
    "an error that is no text": """
class E(Exception):
    __str__ = None
raise E()
""",
    "a tool call as long as a book": "echo('x' * 10 ** 8)",
    "tool calls without end": """
for _ in range(100000):
    try:
        echo(1)
    except RuntimeError:
        pass
""",
    "tool calls for a tool that is not there": """
while True:
    globals()['echo'].__name__ = 'x'
    missing_tool()
""",
}
_VALUES = {
    "a value of 200 MB": "'x' * (200 * 2 ** 20)",
    "not a number": "float('nan')",
    "infinity": "[1, {'a': float('inf')}]",
    "a value of bytes": "b'bytes'",
    "a set": "{1, 2}",
    "an object": "object()",
    "a function": "lambda: True",
    "a key that is no text": "{1: 2}",
    "a value that contains itself": "(lambda x: (x.append(x), x)[1])([])",
    "an integer of 10,000 digits": "10 ** 10000",
}
_DEEP = """
def attack(host):
    x = []
    for _ in range(100000):
        x = [x]
    return x
"""

ATTACKS = (
    [
        Attack(name, "output", "memory", "what comes back is capped text", caught(body))
        for name, body in _FLOODS.items()
    ]
    + [
        Attack(name, "output", "verdict_forging", "no value comes back", caught(f"return {value}"), _NOT_OK)
        for name, value in _VALUES.items()
    ]
    + [
        # An interpreter that replaces it at once has nothing to hide.
        Attack(
            "a lone surrogate",
            "output",
            "verdict_forging",
            "no value comes back",
            caught("x = '\\ud800'\nreturn None if x.encode('utf-8', 'ignore') else x"),
        ),
        Attack(
            "a value nested 100,000 deep", "output", "verdict_forging", "no value comes back", _DEEP, _NOT_OK
        ),
    ]
)
