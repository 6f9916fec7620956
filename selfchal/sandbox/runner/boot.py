"""How a bare interpreter gets the runner's code: compiled here, and handed over in an anonymous file.

A path to this folder in its arguments or in its modules would tell the code in it where selfchal is
installed, and with that mostly the user's name.
"""

from __future__ import annotations

import marshal
import os
import sys
from functools import lru_cache
from pathlib import Path

_MODULES = ("kernel", "landlock", "seccomp", "wire", "prefault", "clock", "isolation", "child", "zygote")
# Its one argument is the descriptor of the file. Each module finds those before it.
PROGRAM = """
import marshal, sys
with open(int(sys.argv[1]), "rb") as file:
    modules, settings = marshal.load(file)
package = sys.modules["runner"] = type(sys)("runner")
package.__path__ = []
for name, code in modules:
    module = sys.modules["runner." + name] = type(sys)("runner." + name)
    module.__package__ = "runner"
    setattr(package, name, module)
    exec(code, module.__dict__)
del file, modules, name, code
module.main(settings)
"""


def write_program(settings: dict[str, object]) -> int:
    """The descriptor of the file; the caller closes it. Raises OSError.

    The interpreter that reads it must be of this very version.
    """
    fd = os.memfd_create("program")
    with open(fd, "wb", closefd=False) as file:
        file.write(marshal.dumps((_compile_modules(), settings)))
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


@lru_cache(maxsize=1)
def _compile_modules() -> list[tuple[str, object]]:
    folder = Path(__file__).parent
    return [
        (name, compile((folder / f"{name}.py").read_text(encoding="utf-8"), f"<sandbox {name}>", "exec"))
        for name in _MODULES
    ]


def find_interpreter() -> str:
    """The interpreter itself, not a virtual environment's link to it: nothing but the standard library."""
    return getattr(sys, "_base_executable", "") or sys.executable
