"""Delays Ctrl-C while compiled code runs, which may end the whole process when it is interrupted."""

from __future__ import annotations

import contextlib
import importlib
import signal
import threading
from collections.abc import Iterable, Iterator


@contextlib.contextmanager
def hold_interrupts() -> Iterator[None]:
    """Raise KeyboardInterrupt after the block for a Ctrl-C that came during it."""
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if held:
        raise KeyboardInterrupt


def import_whole(modules: Iterable[str]) -> None:
    """Import these, so that nothing is left to import that a Ctrl-C could break.

    A module that cannot be imported is left to whoever needs it, and says there what is wrong with it.
    """
    with hold_interrupts():
        for module in modules:
            with contextlib.suppress(Exception):
                importlib.import_module(module)
