"""What all tests share: the embedded sandbox, the marker ``torch``, and the order of tests side by side.

A test that needs torch is marked ``torch``, alone or with its whole file (``pytestmark = pytest.mark.torch``).
Without torch, and under ``-m "not torch"``, a file that is marked as a whole is not imported: importing
torch, transformers and TRL takes several times as long as collecting all other tests.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from selfchal.core.errors import SandboxUnavailableError
from selfchal.core.sandbox import Sandbox
from selfchal.plugins import load_plugins
from tests.support.fuzz import load_profile

load_profile()
# Processes of tests side by side have the width of the terminal there; programs that they start go to none.
os.environ.pop("COLUMNS", None)

_MARKS_WHOLE_FILE = re.compile(r"^pytestmark = (\[[^\]]*|.*)\bpytest\.mark\.torch\b", re.MULTILINE)
_HAS_TORCH = find_spec("torch") is not None


def _excludes_torch(config: pytest.Config) -> bool:
    return not _HAS_TORCH or "not torch" in config.option.markexpr


def pytest_report_header() -> str:
    return "" if _HAS_TORCH else "torch is not installed: the tests marked torch are left out"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if collection_path.suffix != ".py" or not _excludes_torch(config):
        return None  # other plugins decide
    return True if _MARKS_WHOLE_FILE.search(collection_path.read_text(encoding="utf-8")) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not _HAS_TORCH:
        marked = [item for item in items if item.get_closest_marker("torch")]
        items[:] = [item for item in items if item not in marked]
        config.hook.pytest_deselected(items=marked)
    if "PYTEST_XDIST_WORKER" in os.environ:
        _put_longest_files_first(items)


def _put_longest_files_first(items: list[pytest.Item]) -> None:
    """So that the processes end at about the same time, and none is left with the quick start alone.

    How long a file may take is the sum of the timeouts of its slow tests.
    """
    seconds: Counter[Path] = Counter()
    for item in items:
        if item.get_closest_marker("slow"):
            timeout = item.get_closest_marker("timeout")
            seconds[item.path] += timeout.args[0] if timeout else int(item.config.getini("timeout"))
    items.sort(key=lambda item: -seconds[item.path])


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


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Name a test that fails at once: a whole run takes half an hour, and its list comes at the end."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f"\nFAILED so far: {report.nodeid} ({report.when})", file=sys.stderr, flush=True)
