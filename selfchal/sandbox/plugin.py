"""Registers the built-in sandboxes."""

from __future__ import annotations

from collections.abc import Iterable

from selfchal.core.hookspecs import hookimpl
from selfchal.core.sandbox import Sandbox
from selfchal.sandbox.process.sandbox import ProcessSandbox


@hookimpl
def register_sandboxes() -> Iterable[type[Sandbox]]:
    return [ProcessSandbox]
