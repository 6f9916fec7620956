"""Imports one module in a process of its own and says what that did. Run as a program by ``modules.py``.

It reads {"name": a module or a file, "path": sys.path, "heavy": names} from stdin, and writes a line of JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import logging
import os
import random
import signal
import sys
import threading
import time
import warnings
from typing import Any


def main() -> None:
    asked = json.load(sys.stdin)
    sys.path[:] = asked["path"]
    # Nothing of this is the module's own time or doing: numpy, which the judge needs, filters warnings.
    for known in ("pydantic", "numpy", "selfchal.pipeline.manifest", "selfchal.small_envs.environment"):
        importlib.import_module(known)
    before, printed, started = _look(), io.StringIO(), time.process_time()
    clock = time.monotonic()
    with contextlib.redirect_stdout(printed):
        _import(asked["name"])
    # Of time that passes a second is forgiven: the machine may do other work.
    seconds = max(time.process_time() - started, time.monotonic() - clock - 1.0)
    after = _look()
    found = {
        "seconds": seconds,
        "printed": printed.getvalue(),
        "heavy": [name for name in asked["heavy"] if name in sys.modules],
        "changed": [what for what, value in before.items() if after[what] != value],
    }
    print(json.dumps(found))


def _import(name: str) -> None:
    if not name.endswith(".py"):
        importlib.import_module(name)
        return
    spec = importlib.util.spec_from_file_location("probed_plugin", name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["probed_plugin"] = module  # dataclasses look it up
    spec.loader.exec_module(module)


def _look() -> dict[str, Any]:
    """What a module may not change by being loaded."""
    return {
        "the working directory": os.getcwd(),
        "the environment variables": dict(os.environ),
        "Python's random generator": hash(random.getstate()),
        "how signals are handled": [
            str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)
        ],
        "the threads": threading.active_count(),
        "the recursion limit": sys.getrecursionlimit(),
        "the warnings' filters": len(warnings.filters),
        "the root logger": [len(logging.root.handlers), logging.root.level],
        "the standard streams": [id(sys.__stdout__), id(sys.__stderr__), id(sys.stderr)],
    }


if __name__ == "__main__":
    main()
