"""Code of a task as ``selfchal.judging.guest.codes`` takes it: compiled, for a sandbox of the same Python.

The process that compiles (``selfchal.sandbox.compiling``) has mostly seen the source before.
"""

from __future__ import annotations

import sys

from selfchal.core.errors import SandboxError
from selfchal.core.world import Json
from selfchal.sandbox.compiling import Compiled, compile_source


def tell_code(source: str) -> Json:
    """The source with its code; the source alone where the sandbox is to compile (and complain) itself."""
    try:
        outcome = compile_source(source)
    except SandboxError:  # no process can be had to compile it
        return source
    return [source, sys.version, outcome.code.hex()] if isinstance(outcome, Compiled) else source
