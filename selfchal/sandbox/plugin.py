"""Registers the built-in sandboxes; what they run on is imported when one is made."""

from __future__ import annotations

from collections.abc import Iterable

from selfchal.core.hookspecs import hookimpl
from selfchal.core.sandbox import Sandbox
from selfchal.sandbox.docker.sandbox import DockerSandbox
from selfchal.sandbox.monty.sandbox import MontySandbox
from selfchal.sandbox.process.sandbox import ProcessSandbox
from selfchal.sandbox.unsafe_subprocess.sandbox import UnsafeSubprocessSandbox


@hookimpl
def register_sandboxes() -> Iterable[type[Sandbox]]:
    return [ProcessSandbox, DockerSandbox, MontySandbox, UnsafeSubprocessSandbox]
