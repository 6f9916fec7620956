"""Code whose few bytes cost the host much memory or time: the host's own peak is looked at."""

from __future__ import annotations

from dataclasses import replace

from selfchal.testing.attacks.attack import LIMITS, Attack
from selfchal.testing.attacks.source import caught

_LIMITS = replace(LIMITS, value=4 * 2**20, seconds=3.0)
_MOST = 96 * 2**20
_SEND = """
import os, struct
def send(data):
    data = struct.pack("!I", len(data)) + data
    while data:
        data = data[os.write(3, data):]
"""
_FORGED = {
    "a million empty dictionaries": "b'[\"done\",\"ok\",[' + b'{},' * 1_300_000 + b'{}],null]'",
    "a million empty lists": "b'[\"call\",\"echo\",[' + b'[],' * 1_300_000 + b'[]],{}]'",
    "a million texts": "b'[\"call\",\"echo\",[' + b'\"\",' * 1_000_000 + b'1],{}]'",
    "a million numbers": "b'[\"done\",\"ok\",[' + b'1.5,' * 1_000_000 + b'1],null]'",
    "many keys": (
        "('[\"done\",\"ok\",{' + ','.join(f'\"{n}\":0' for n in range(300_000)) + '},null]').encode()"
    ),
    "four million brackets": "b'[' * 4_000_000",
    "four million quotes": "b'\"' * 4_000_000",
    "four million backslashes": "b'\"' + b'\\\\' * 4_000_000",
    "four million digits": "b'[\"done\",\"ok\",' + b'9' * 4_000_000 + b',null]'",
    "a wide character in a long text": (
        "('[\"call\",\"echo\",[\"' + 'x' * 4_000_000 + '\U0001f600\"],{}]').encode()"
    ),
}
_CALLS = {
    "tool calls of many lists": "for _ in range(3):\n    echo([[[]] * 1000] * 700)",
    "tool calls of many dictionaries": "for _ in range(900):\n    echo([{}] * 1000)",
    "tool calls of large texts": "for _ in range(900):\n    echo('x' * 1_000_000)",
    "tool calls of small texts": "for _ in range(900):\n    echo('x' * 200_000)",
    "a result of many lists": "return [[] for _ in range(1_000_000)]",
    "an answer of many dictionaries": "return [{} for _ in range(1_000_000)]",
}

ATTACKS = [
    Attack(
        name,
        "costs",
        "memory",
        "the host stays small",
        _SEND + caught(f"send({data})\nwhile True:\n    pass"),
        limits=_LIMITS,
        host_memory=_MOST,
    )
    for name, data in _FORGED.items()
] + [
    Attack(name, "costs", "memory", "the host stays small", caught(body), limits=_LIMITS, host_memory=_MOST)
    for name, body in _CALLS.items()
]
