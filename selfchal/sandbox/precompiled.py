"""Source compiled by the host, for a child that runs the very same Python.

Compiling is a third of what a child of the process sandbox does: it touches 170 pages that loading compiled
code does not. The service remembers what it compiled: ``evaluate`` runs after every episode.
"""

from __future__ import annotations

from selfchal.core.errors import SandboxError
from selfchal.sandbox.compiling import Compiled, compile_source


def precompiled(source: str) -> str | None:
    """The code object, marshalled, in hexadecimal; None where the child is to compile (and complain) itself,
    under its own limits: what cannot be compiled, what is too complex, and all where no worker can be had."""
    try:
        outcome = compile_source(source)
    except SandboxError:
        return None
    return outcome.code.hex() if isinstance(outcome, Compiled) else None
