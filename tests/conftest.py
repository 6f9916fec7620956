from __future__ import annotations

from collections.abc import Iterator

import pytest

from selfchal.core.errors import SandboxUnavailableError
from selfchal.core.sandbox import Sandbox
from selfchal.plugins import load_plugins


@pytest.fixture(scope="session")
def process_sandbox() -> Iterator[Sandbox]:
    """The embedded sandbox, shared by all tests that run code for real."""
    plugin = load_plugins().find("sandbox", "process")
    try:
        sandbox: Sandbox = plugin(plugin.Config())
    except SandboxUnavailableError as error:
        pytest.skip(str(error))
    yield sandbox
    sandbox.close()
