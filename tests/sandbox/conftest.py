"""Every sandbox that this machine can give, each started once; a missing one is skipped with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from selfchal.core.errors import SandboxUnavailableError
from selfchal.core.sandbox import Sandbox
from selfchal.sandbox.docker.sandbox import DockerConfig, DockerSandbox
from selfchal.sandbox.monty.sandbox import MontyConfig, MontySandbox
from selfchal.sandbox.process.sandbox import ProcessConfig, ProcessSandbox
from selfchal.sandbox.unsafe_subprocess.sandbox import UnsafeSubprocessConfig, UnsafeSubprocessSandbox

MAKERS: dict[str, Callable[[], Sandbox]] = {
    "process-A": lambda: ProcessSandbox(ProcessConfig(tier="A")),
    "process-B": lambda: ProcessSandbox(ProcessConfig(tier="B")),
    "process-C": lambda: ProcessSandbox(ProcessConfig(tier="C")),
    # The host's own Python: no registry is asked.
    "docker": lambda: DockerSandbox(DockerConfig(image="host", containers=1)),
    "monty": lambda: MontySandbox(MontyConfig()),
    "unsafe-subprocess": lambda: UnsafeSubprocessSandbox(UnsafeSubprocessConfig(allow=True)),
}


class Sandboxes:
    """Starts sandboxes when they are first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._made: dict[str, Sandbox | str] = {}

    def get(self, name: str) -> Sandbox:
        if name not in self._made:
            try:
                sandbox = MAKERS[name]()
                self._stack.callback(sandbox.close)
                self._made[name] = sandbox
            except SandboxUnavailableError as error:
                self._made[name] = str(error)
        made = self._made[name]
        if isinstance(made, str):
            pytest.skip(f"{name}: {made}")
        return made


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[Sandboxes]:
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELFCHAL_ALLOW_UNSAFE", "1")

        yield Sandboxes(stack)


@pytest.fixture(params=["process-A", "process-B", "process-C", "docker", "unsafe-subprocess"])
def sandbox(request: pytest.FixtureRequest, sandboxes: Sandboxes) -> Sandbox:
    """Each sandbox that runs CPython."""
    return sandboxes.get(request.param)


@pytest.fixture
def process(sandboxes: Sandboxes) -> Sandbox:
    for tier in "ABC":
        try:
            return sandboxes.get(f"process-{tier}")
        except pytest.skip.Exception:
            continue
    pytest.skip("no tier of the process sandbox can be had here")
