"""A Ctrl-C while a library is imported ends the program as one at any other moment does."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfchal.pipeline.uninterrupted import hold_interrupts, import_whole


@pytest.fixture(autouse=True)
def usual_handler() -> Iterator[None]:
    """Python's own; a program that a shell started in the background ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_ctrl_c_comes_after_the_block() -> None:
    done = []

    def work() -> None:
        with hold_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_in_the_block_is_not_hidden() -> None:
    with pytest.raises(ValueError, match="mine"), hold_interrupts():
        raise ValueError("mine")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_handles_ctrl_c_otherwise_goes_on_doing_so() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with hold_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            assert heard
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_module_is_whole_although_ctrl_c_came_in_the_midst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_module.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        import_whole(["no_such_module", "slow_module"])
    assert sys.modules["slow_module"].whole  # type: ignore[attr-defined]  # this test wrote it
