"""A clock that stands still, on request: what Python code reads as the time is one fixed moment.

This is for equal verdicts, not for safety: the code can still ask the kernel.
"""

from __future__ import annotations

import datetime
import time
from typing import Any

_Date = datetime.date
_DateTime = datetime.datetime


def fix(epoch: float | None) -> None:
    """Make ``time`` and ``datetime`` say ``epoch`` (seconds, UTC); None leaves them alone."""
    if epoch is None:
        return
    time.time = lambda: epoch
    time.time_ns = lambda: int(epoch * 1e9)
    for name in ("monotonic", "perf_counter", "process_time", "thread_time"):
        setattr(time, name, lambda: 0.0)
        setattr(time, f"{name}_ns", lambda: 0)
    for name in ("localtime", "gmtime"):
        setattr(time, name, _shift_to(epoch, getattr(time, name)))
    time.ctime = _shift_to(epoch, time.ctime)
    plain_strftime, plain_asctime = time.strftime, time.asctime
    time.strftime = lambda form, *moment: plain_strftime(form, *(moment or (time.localtime(),)))
    time.asctime = lambda *moment: plain_asctime(*(moment or (time.localtime(),)))
    _fix_datetime(epoch)


def _shift_to(epoch: float, function):  # type: ignore[no-untyped-def]  # three builtins of one shape
    return lambda seconds=None: function(epoch if seconds is None else seconds)


class _SameInstances(type):
    """isinstance keeps answering for the original class, so that plain values still count."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.__mro__[1])


def _fix_datetime(epoch: float) -> None:
    class FixedDatetime(_DateTime, metaclass=_SameInstances):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return _DateTime.fromtimestamp(epoch, tz)

        @classmethod
        def utcnow(cls) -> Any:
            return _DateTime.fromtimestamp(epoch, datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return _DateTime.fromtimestamp(epoch)

    class FixedDate(_Date, metaclass=_SameInstances):
        @classmethod
        def today(cls) -> Any:
            return _Date.fromtimestamp(epoch)

    for fixed, original in ((FixedDatetime, _DateTime), (FixedDate, _Date)):
        fixed.__name__, fixed.__qualname__ = original.__name__, original.__qualname__
    datetime.datetime, datetime.date = FixedDatetime, FixedDate  # type: ignore[misc]  # that is the point
