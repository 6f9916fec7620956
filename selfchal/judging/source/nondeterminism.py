"""Does source ask a clock, a random generator or a memory address? Read off the syntax tree, nothing runs.

What today's runs agree on may still change tomorrow (``datetime.now().year``), so asking is enough.
"""

from __future__ import annotations

import ast
import re

from selfchal.judging.source.parse import parse_source

_ALWAYS = {
    "time": {
        "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns",
        "process_time", "process_time_ns", "thread_time",
    },
    "datetime.datetime": {"now", "utcnow", "today"},
    "datetime.date": {"today"},
    "uuid": {"uuid1", "uuid4"},
    "os": {"urandom", "getpid", "times", "getrandom"},
    "random": {"SystemRandom"},
}  # fmt: skip
_WITHOUT_ARGUMENT = {
    "time": {"localtime": 0, "gmtime": 0, "ctime": 0, "asctime": 0, "strftime": 1},
    "random": {"Random": 0},
}
_WHOLE = {"secrets"}
_BUILTIN = {"id", "hash", "__import__"}
_MODULES = {"time", "datetime", "random", "uuid", "os", "secrets"}
_SEEDED = {"random", "randint", "choice", "choices", "sample", "shuffle", "uniform", "randrange", "gauss",
           "getrandbits", "betavariate", "normalvariate", "triangular", "expovariate"}  # fmt: skip


_NAMED = re.compile(rf"\b(?:{'|'.join(sorted(_MODULES | _BUILTIN))})\b")


def asks_nondeterminism(source: str) -> str | None:
    """What the code asks that need not be the same next time (``time.time``); None if nothing."""
    # Most code names nothing of the kind. Python reads some other letters as these: only ASCII is believed.
    if source.isascii() and not _NAMED.search(source):
        return None
    tree = parse_source(source, "code")
    names = _list_imported(tree)
    if not names and not any(isinstance(node, ast.Name) and node.id in _BUILTIN for node in ast.walk(tree)):
        return None
    seeded = any(
        isinstance(node, ast.Call) and node.args and _join_dotted(node.func, names) == "random.seed"
        for node in ast.walk(tree)
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            asked = _find_in_call(node, _join_dotted(node.func, names), seeded)
        elif isinstance(node, ast.Attribute | ast.Name):
            asked = _find_in_name(_join_dotted(node, names))
        else:
            asked = None
        if asked:
            return asked
    return None


def _find_in_name(dotted: str) -> str | None:
    """Naming such a function is enough: it may be called under another name."""
    module, _, name = dotted.rpartition(".")
    return dotted if module in _WHOLE or name in _ALWAYS.get(module, ()) else None


def _find_in_call(node: ast.Call, called: str, seeded: bool) -> str | None:
    module, _, name = called.rpartition(".")
    if called in ("id", "hash"):
        return called
    if called == "__import__" and node.args and isinstance(node.args[0], ast.Constant):
        imported = str(node.args[0].value)
        return imported if imported in _MODULES - {"os"} else None
    if _find_in_name(called):
        return called
    fewest = _WITHOUT_ARGUMENT.get(module, {}).get(name)
    if fewest is not None and len(node.args) <= fewest and not node.keywords:
        return called
    return called if module == "random" and name in _SEEDED and not seeded else None


def _list_imported(tree: ast.Module) -> dict[str, str]:
    """Local name to the dotted name that it stands for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                (alias.asname or alias.name.split(".")[0]): (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
                for alias in node.names
            }
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _join_dotted(node: ast.expr, names: dict[str, str]) -> str:
    """The dotted name of a called expression, through imports; empty for anything else."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = _join_dotted(node.value, names)
        return f"{base}.{node.attr}" if base else ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__":
        first = node.args[0] if node.args else None
        return str(first.value) if isinstance(first, ast.Constant) else ""
    return ""
