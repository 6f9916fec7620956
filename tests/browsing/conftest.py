"""A small stored run for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.stored_run import write_stored_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_stored_run(tmp_path / "run")
