"""A new plugin's own tests are green as it is written, and it can be installed and found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from selfchal.core.errors import PluginError
from selfchal.plugins.scaffold import SCAFFOLDS, scaffold


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(SCAFFOLDS))
def test_a_new_plugin_is_green_from_the_start(kind: str, tmp_path: Path) -> None:
    folder = scaffold(kind, "demo", tmp_path / "demo")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_no_placeholder_is_left(tmp_path: Path) -> None:
    for kind in SCAFFOLDS:
        folder = scaffold(kind, "demo", tmp_path / kind)
        texts = [path.read_text() for path in folder.rglob("*") if path.is_file()]
        assert texts
        assert not [text for text in texts if "__NAME__" in text or "__MODULE__" in text]


@pytest.mark.parametrize("name", ["Demo", "../up", "a b", ""])
def test_names_that_are_none_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="lower-case letters"):
        scaffold("check", name, tmp_path / "there")
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="is there already"):
        scaffold("check", "demo", tmp_path)
