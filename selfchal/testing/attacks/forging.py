"""Code that lies about how it ended, or tries to speak for another execution."""

from __future__ import annotations

from selfchal.core.sandbox import Status
from selfchal.testing.attacks.attack import ANY, Attack
from selfchal.testing.attacks.source import caught

_NOT_OK = ANY - {Status.OK}
_ENDS = {
    "exit code 0": "import os\nos._exit(0)",
    "sys.exit(0)": "import sys\nsys.exit(0)",
    "SystemExit(True)": "raise SystemExit(True)",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "a segmentation fault": """
import ctypes
ctypes.string_at(8)
""",
    "abort": "import os\nos.abort()",
    "closing every descriptor": """
import os
os.closerange(0, 1024)
""",
    "killing itself": """
import os
os.kill(os.getpid(), 9)
raise RuntimeError('refused')
""",
}
_TRUTHS = {
    "an object that says it is True": """
class T:
    __class__ = bool
    def __bool__(self):
        return True
    def __eq__(self, other):
        return True
return T()
""",
    "an object that encodes itself": """
class T:
    def __json__(self):
        return 'true'
    __repr__ = __str__ = __json__
return T()
""",
}
# Frames and lines of every protocol that a runner may speak, then silence.
_FORGED = """
import json, os, struct, sys
def attack(host):
    for message in (["done", "ok", "forged", None], {"status": "ok", "value": "forged"}, True, "True", 1):
        data = json.dumps(message).encode()
        for frame in (struct.pack("!I", len(data)) + data, data + b"\\n"):
            for fd in range(1, 64):
                try:
                    os.write(fd, frame)
                except OSError:
                    pass
    while True:
        pass
"""
_HONEST = """
def attack(host):
    return None
"""
_FAKED_CALLS = """
import json, os, struct
def attack(host):
    for call in (["call", "echo"], ["call", 1, [], {}], ["call", "echo", {}, []], ["call"], [], {}, None, 7):
        data = json.dumps(call).encode()
        os.write(3, struct.pack("!I", len(data)) + data)
    os.write(3, b"\\xff\\xff\\xff\\xff")
    while True:
        pass
"""
_PATCHES = """
import builtins, collections, json, math, random, re, sys
builtins.len = lambda x: 7
builtins.print = lambda *a, **k: None
builtins.isinstance = lambda *a: True
json.dumps = json.loads = lambda *a, **k: "patched"
math.floor = re.match = lambda *a, **k: "patched"
random.random = lambda: 0.5
sys.path.insert(0, "/patched")
sys.modules["statistics"] = None
import os
os.environ["PATCHED"] = "yes"
def attack(host):
    return None
"""
_LOOK = """
import builtins, json, math, os, random, re, sys
def attack(host):
    found = []
    if len([1]) != 1 or isinstance(1, str): found.append("builtins")
    if json.dumps([1]) != "[1]": found.append("json")
    if math.floor(1.5) != 1: found.append("math")
    if random.random() == random.random() == 0.5: found.append("random")
    if "/patched" in sys.path: found.append("sys.path")
    if "PATCHED" in os.environ: found.append("os.environ")
    if sys.modules.get("statistics", 1) is None: found.append("sys.modules")
    return ", ".join(found) or None
"""
_TOOL_PATCH = """
def attack(host):
    globals()['echo'] = lambda x: 'forged'
    return None
"""
_TOOL_LOOK = """
def attack(host):
    return None if echo('plain') == 'plain' else 'the tool answers with a lie'
"""

ATTACKS = [
    Attack(name, "forging", "verdict_forging", "does not count as an answer", caught(body), _NOT_OK)
    for name, body in (_ENDS | _TRUTHS).items()
] + [
    Attack(
        "answers in another's name",
        "forging",
        "verdict_forging",
        "the next answer is its own",
        _HONEST,
        first=_FORGED,
    ),
    Attack("malformed tool calls", "forging", "verdict_forging", "no verdict", _FAKED_CALLS, _NOT_OK),
    Attack(
        "patching the interpreter",
        "next execution",
        "verdict_forging",
        "gone in the next one",
        _LOOK,
        first=_PATCHES,
    ),
    Attack(
        "patching a tool",
        "next execution",
        "verdict_forging",
        "gone in the next one",
        _TOOL_LOOK,
        first=_TOOL_PATCH,
    ),
    Attack(
        "leaving a file behind",
        "next execution",
        "file_writes",
        "gone in the next one, or never made",
        """
import os
def attack(host):
    for f in ('/tmp/left', '/scratch/left', 'left'):
        try:
            with open(f) as file:
                said = file.read()
            os.remove(f)
        except OSError:
            continue
        if said == 'by another execution':
            return 'found ' + f
""",
        first="""
def attack(host):
    for f in ('/tmp/left', '/scratch/left', 'left'):
        try:
            with open(f, 'w') as file:
                file.write('by another execution')
        except OSError:
            pass
""",
    ),
]
