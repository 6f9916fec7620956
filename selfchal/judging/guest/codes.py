"""Code of a task as the host tells it: its source, mostly with what the host has compiled of it.

To compile is more than half of what a short process does, since it touches many pages that loading does not.
"""

from __future__ import annotations

import marshal
import sys
from types import CodeType
from typing import Any


def load_code(told: Any) -> CodeType:
    """``told`` is a source; or a source, the version of the Python that compiled it, and its code as marshal
    writes it, in hexadecimal. Another Python than that compiles the source itself."""
    code: CodeType
    if isinstance(told, str):
        code = compile(told, "<task>", "exec")
    elif told[1] == sys.version:
        code = marshal.loads(bytes.fromhex(told[2]))
    else:
        code = compile(told[0], "<task>", "exec")
    return code
