"""What `selfchal view` says where it cannot start; tests/view is about what it shows."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest


def test_a_directory_that_is_missing_is_named(selfchal: Any, tmp_path: Path) -> None:
    ended = selfchal("view", tmp_path / "none")
    assert (ended.code, "there is no directory" in ended.err) == (2, True), ended.err


def test_a_port_that_is_taken_is_named_with_the_cure(selfchal: Any, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = selfchal("view", tmp_path, "--port", port)
    assert ended.code == 2
    assert f"port {port}" in ended.err
    assert "--port" in ended.err


def test_without_the_extra_it_says_what_to_install(
    selfchal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("selfchal.view", "selfchal.serving"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    ended = selfchal("view", tmp_path)
    assert (ended.code, "pip install 'selfchal[view]'" in ended.err) == (2, True), ended.err
