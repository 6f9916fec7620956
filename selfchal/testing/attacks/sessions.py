"""Code that tells its session that it is done, and is not.

Each is run in a session; a second later ``then`` is run in it, and what that answers is what is looked at.
"""

from __future__ import annotations

from dataclasses import replace

from selfchal.testing.attacks.attack import LIMITS, Attack

_FRAME = """
import json, os, struct, time
def say(*messages):
    written = [json.dumps(message).encode() for message in messages]
    os.write(3, b"".join(struct.pack("!I", len(data)) + data for data in written))
"""
# How long did it not run, at the longest? Told as the value of the run after it.
_RUNS_ON = """
def attack(host):
    last, pause = time.monotonic(), 0.0
    say(("done", "ok", None, None))
    while pause < 0.5 and time.process_time() < 0.5:
        now = time.monotonic()
        pause, last = max(pause, now - last), now
    say(("done", "ok", None if pause >= 0.5 else "it ran on when it was done", None))
    while True:
        pass
"""
# In one write: between two of them it may be stopped already.
_ANSWERS_BEFORE = """
def attack(host):
    say(("done", "ok", None, None), ("done", "ok", "it answered before it was asked", None))
    while True:
        pass
"""
_HANGS_UP = """
def attack(host):
    say(("done", "ok", None, None))
    os.close(3)
    while True:
        pass
"""
_ENDS = """
def attack(host):
    say(("done", "ok", None, None))
    os._exit(0)
"""
_WAYS = {
    "a loop after it is done": _RUNS_ON,
    "an answer before it is asked": _ANSWERS_BEFORE,
    "an answer before it is asked, then the end": _ANSWERS_BEFORE.replace(
        "while True:\n        pass", "os._exit(0)"
    ),
    "an answer before it is asked, hanging up": _ANSWERS_BEFORE.replace("while", "os.close(3)\n    while"),
    "hanging up after it is done": _HANGS_UP,
    "the end after it is done": _ENDS,
}

ATTACKS = [
    Attack(
        name,
        "sessions",
        "cpu" if way is _RUNS_ON else "verdict_forging",
        "nothing runs between two runs, and no answer is another's",
        _FRAME + way,
        limits=replace(LIMITS, seconds=2.0),
        then="print(1)",
    )
    for name, way in _WAYS.items()
]
