"""What the module of every plugin must keep: it loads quickly and quietly, and imports public names alone.

A program loads all plugins when it starts, before it knows which of them it will use. The module is imported
in another process, so that nothing of it is loaded already.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from selfchal.plugins.plugin_files import PREFIX
from selfchal.testing.conformance.case import Case, CaseLevel, demand
from selfchal.testing.conformance.public_names import find_private_imports

HEAVY = (
    "torch",
    "transformers",
    "vllm",
    "trl",
    "datasets",
    "docker",
    "tensorflow",
    "jax",
    "pandas",
    "openai",
)
MOST_SECONDS = 2.0  # of processor time, beyond what selfchal itself and pydantic take
_KEPT = ("PATH", "HOME", "SELFCHAL_", "LANG", "LC_", "LD_", "TMP", "TEMP", "SYSTEMROOT", "VIRTUAL_ENV")
_PROBE = Path(__file__).parent / "import_probe.py"


def module_cases(module: str) -> list[Case]:
    """The cases for a module that is loaded in this process already. Those of selfchal's own have none."""
    if module.partition(".")[0] == "selfchal":
        return []
    kit, static = _Kit(module), CaseLevel.STATIC
    return [
        Case("its module loads quickly, and nothing heavy with it", kit.loads_quickly, static,
             "Import what is heavy inside the methods that use it, and name it in ``requires``."),
        Case("its module changes nothing and says nothing when it is loaded", kit.loads_quietly, static,
             "A module of a plugin defines things; what does something belongs into a method."),
        Case("its package imports public names of selfchal alone", kit.imports_public_names, static,
             "docs/reference/api.md lists the public names; others may change in any version."),
    ]  # fmt: skip


class _Kit:
    def __init__(self, module: str) -> None:
        self.module = module

    @cached_property
    def seen(self) -> dict[str, Any]:
        """What importing the module in a new process shows."""
        file = str(sys.modules[self.module].__file__)
        named = file if self.module.startswith(PREFIX) else self.module
        path = [os.path.abspath(entry) for entry in sys.path]
        asked = json.dumps({"name": named, "path": path, "heavy": HEAVY})
        command = [sys.executable, str(_PROBE)]
        kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
        # Not this process's own folder and variables: it has imported the module before.
        done = subprocess.run(
            command, input=asked, env=kept, cwd=gettempdir(), capture_output=True, text=True, check=False
        )
        demand(done.returncode == 0, f"in a new process it cannot be imported: {done.stderr.strip()[-300:]}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def loads_quickly(self) -> None:
        heavy = self.seen["heavy"]
        demand(not heavy, f"importing it imports {', '.join(heavy)}, which every command would wait for")
        seconds = self.seen["seconds"]
        demand(
            seconds <= MOST_SECONDS, f"importing it takes {seconds:.1f} s, which every command would wait for"
        )

    def loads_quietly(self) -> None:
        printed, changed = self.seen["printed"], self.seen["changed"]
        demand(not printed, f"importing it prints {printed!r:.80}")
        demand(not changed, f"importing it changes {', '.join(changed)} of the program that loads it")

    def imports_public_names(self) -> None:
        private = [one for path in self.list_files() for one in find_private_imports(path)]
        more = f"; and {len(private) - 3} more" if len(private) > 3 else ""
        demand(not private, "; ".join(private[:3]) + more)

    def list_files(self) -> list[Path]:
        """Of the whole package, whichever of its modules the entry point names."""
        file = Path(str(sys.modules[self.module].__file__))
        outermost = getattr(sys.modules.get(self.module.partition(".")[0]), "__file__", None)
        top = Path(outermost) if outermost else file
        return sorted(top.parent.rglob("*.py")) if top.name == "__init__.py" else [file]
