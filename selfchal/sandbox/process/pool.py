"""Zygotes and their spare children: ready-made processes, so that a run costs no wait for a fork."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque

from selfchal.sandbox.protocol import InfrastructureError
from selfchal.sandbox.runner.ending import add_descriptor_cure, describe_os_error
from selfchal.sandbox.runner.forked import Child
from selfchal.sandbox.runner.frames import ChannelClosedError, ChannelTimeoutError
from selfchal.sandbox.runner.spawn import Zygote, ZygoteError, ZygoteSettings

_REASON_CAP = 2000
_READY_SECONDS = 30.0  # locking down takes milliseconds; this is for a machine that swaps


class Pool:
    """One zygote, restarted when it dies, and ``spares`` children that wait to be used."""

    def __init__(self, settings: ZygoteSettings, spares: int) -> None:
        """Raises ZygoteError when the zygote cannot be started."""
        self._settings = settings
        self._wanted = spares
        self._lock = threading.Lock()
        self._spares: deque[Child] = deque()
        self._closed = False
        self._zygote = Zygote(settings)
        self._refill()

    @property
    def report(self) -> dict[str, object]:
        return self._zygote.report

    @property
    def zygote_pid(self) -> int:
        return self._zygote.pid

    def can_be_watched(self) -> bool:
        """Whether this process is shown the page tables of its children. Raises InfrastructureError."""
        with contextlib.closing(self.take()) as child:
            return child.can_be_watched()

    def take(self) -> Child:
        """A child that is locked down and waits for its request. Raises InfrastructureError."""
        while True:
            try:
                with self._lock:
                    child = self._take()
            except ZygoteError as error:
                raise InfrastructureError(str(error)) from error
            self._await(child)
            if child.quiet():
                return child
            child.close()  # it died while it was spare: the machine ran out of memory, say

    def _await(self, child: Child) -> None:
        try:
            child.wait_ready(time.monotonic() + _READY_SECONDS)
        except (ChannelClosedError, ChannelTimeoutError, OSError) as error:
            reason = _explain_failed_start(child, error)
            child.close()
            raise InfrastructureError(f"a child did not get ready: {reason}") from error

    def _take(self) -> Child:
        if self._closed:
            raise ZygoteError("the sandbox is closed")
        if not self._zygote.alive():
            self._restart()
        self._refill(one_more=1)
        return self._spares.popleft()

    def _restart(self) -> None:
        self._drop_spares()
        self._zygote.close()
        self._zygote = Zygote(self._settings)

    def _refill(self, one_more: int = 0) -> None:
        """Raises ZygoteError where there is not even one."""
        try:
            while len(self._spares) < self._wanted + one_more:
                self._spares.append(self._zygote.fork())
        except ZygoteError:
            if not self._spares:
                raise

    def _drop_spares(self) -> None:
        while self._spares:
            self._spares.popleft().close()

    def close(self) -> None:
        """End the zygote and every child, running ones too."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._drop_spares()
                self._zygote.close()


def _explain_failed_start(child: Child, error: Exception) -> str:
    if isinstance(error, OSError):
        return describe_os_error(error)
    if isinstance(error, ChannelTimeoutError):
        return f"it took longer than {_READY_SECONDS:.0f} s"
    said = child.stdout(_REASON_CAP).decode(
        "utf-8", "replace"
    )  # it says there why it cannot lock itself down
    return add_descriptor_cure((said or str(error)).strip()) or child.ending().failure or "it ended"
