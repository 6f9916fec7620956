from __future__ import annotations

import pytest

from selfchal.judging.source.introspection import find_introspection

LOOKS = [
    "import sys\ndef evaluate(a):\n    return len(sys.modules) < 60",
    "from sys import _getframe\ndef evaluate(a):\n    return bool(_getframe())",
    "import traceback\ndef evaluate(a):\n    return len(traceback.extract_stack()) < 9",
    "import gc\ndef evaluate(a):\n    return len(gc.get_objects()) < 9000",
    "import os.path\ndef evaluate(a):\n    return os.path.exists('/proc')",
    "def evaluate(a):\n    return '_given' in globals()",
    "def evaluate(a):\n    return 'x' in vars()",
    "import math\ndef evaluate(a):\n    math.n = 1\n    return True",
    "import math\ndef evaluate(a):\n    return getattr(math, 'n', 0) == 0",
    "def evaluate(a):\n    return evaluate.__globals__ is not None",
    "def evaluate(a):\n    return [].__class__.__base__.__subclasses__() != []",
    "def evaluate(a):\n    def walk():\n        yield 1\n    return walk().gi_frame is None",
    "def evaluate(a):\n    try:\n        1 / 0\n    except ZeroDivisionError as e:\n        return bool(e.__traceback__)",
    "def evaluate(a):\n    def walk():\n        yield 1\n    return '3e0' in repr(walk())",
    "def evaluate(a):\n    def walk():\n        yield 1\n    kept = [walk()]\n    return '3e0' in repr(kept)",
    "def evaluate(a):\n    return f'{evaluate}'.endswith('0>')",
    "def evaluate(a):\n    return '0x7' in str(lambda: 1)",
    "def evaluate(a):\n    return '0x7' in '%s' % map(str, [1])",
    "def evaluate(a):\n    g = (x for x in [1])\n    return '0x7' in str(g)",
    "def evaluate(a):\n    return str([].append).endswith('0>')",
    "def evaluate(a):\n    match [a]:\n        case list(append=kept):\n            return '0x7' in str(kept)",
]
LOOKS_NOT = [
    "def evaluate(a):\n    return str(a).strip().lower() == 'x'",
    "def evaluate(a):\n    return any(str(x) == a for x in get_user('ann')['orders'])",
    "def evaluate(a):\n    rows = sorted(get_all(), key=lambda row: str(row['id']))\n    return str(rows[0]) == a",
    "def evaluate(a):\n    def clean(x):\n        return str(x).strip()\n    return clean(a) == 'b'",
    "def evaluate(a):\n    def clean(x):\n        return str(x)\n    return list(map(clean, [a])) == ['b']",
    "def evaluate(a):\n    for i, row in enumerate(rows()):\n        if str(i) == a:\n            return True\n    return False",
    "def evaluate(a):\n    return ','.join(str(x) for x in a) == '1,2'",
    "import re, json, math, datetime\ndef evaluate(a):\n    return bool(re.match('x', str(a)))",
    "def evaluate(a):\n    return type(a).__name__ == 'str'",
    "def evaluate(a):\n    return 'x' in (y for y in str(a))",
    "def evaluate(a):\n    counts = {'x': 1}\n    return str(max(counts, key=counts.get)) == a",
    "def evaluate(a):\n    return list(map(str.strip, str(a).split())) == ['b']",
]


@pytest.mark.parametrize("source", LOOKS)
def test_a_look_at_the_interpreter_is_seen(source: str) -> None:
    assert find_introspection(source)


@pytest.mark.parametrize("source", LOOKS_NOT)
def test_ordinary_code_looks_at_nothing(source: str) -> None:
    assert find_introspection(source) is None
