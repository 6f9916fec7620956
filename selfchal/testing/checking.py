"""A plugin against the rules of its kind, without a test runner: what ``selfchal plugins check`` does."""

from __future__ import annotations

import os
import signal
import sysconfig
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Any

from selfchal.core.errors import SelfchalError
from selfchal.core.world import Json
from selfchal.testing.conformance.case import Case, CaseLevel, NotMadeError
from selfchal.testing.conformance.checks import check_cases
from selfchal.testing.conformance.engines import engine_cases
from selfchal.testing.conformance.environments import environment_cases
from selfchal.testing.conformance.models import model_cases
from selfchal.testing.conformance.modules import module_cases
from selfchal.testing.conformance.sandboxes import sandbox_cases
from selfchal.testing.conformance.synthesizers import synthesizer_cases
from selfchal.testing.conformance.trainers import trainer_cases
from selfchal.testing.conformance.watchers import watcher_cases

KITS: dict[str, Callable[[type[Any], Mapping[str, Json]], list[Case]]] = {
    "environment": environment_cases,
    "synthesizer": synthesizer_cases,
    "sandbox": sandbox_cases,
    "model": model_cases,
    "trainer": trainer_cases,
    "check": check_cases,
    "engine": engine_cases,
    "watcher": watcher_cases,
}
_OURS = f"{Path(__file__).parents[1]}{os.sep}"
_PYTHONS = sysconfig.get_path("stdlib")
_LIBRARIES = {"pydantic", "pydantic_core", "pluggy", "torch", "transformers", "numpy", "httpx"}
LEVELS = tuple(CaseLevel)
# With these a trainer learns the kit's game within seconds, and saves checkpoints that it can go on from.
SMALL_TRAINING: Mapping[str, Json] = {
    "steps": 6,
    "tasks_per_step": 4,
    "group_size": 16,
    "checkpoint_every": 2,
    "learning_rate": 0.02,
}


class Result(StrEnum):
    KEPT = "kept"
    BROKEN = "broken"
    NOT_TRIED = "not tried"


@dataclass(frozen=True)
class CaseReport:
    """What became of one rule. ``seen`` says what was seen where it is broken, or why it was not tried;
    ``cure`` what to do where it is broken."""

    rule: str
    level: CaseLevel
    result: Result
    seen: str
    seconds: float
    cure: str = ""


def list_cases(
    kind: str, cls: type[Any], options: Mapping[str, Json], level: CaseLevel, module: str = ""
) -> list[Case]:
    """The cases of its kind up to that level, and those of the module that registers it, where it is given.

    A trainer gets small options where none are set.
    """
    if kind == "trainer":
        fields = cls.Config.model_fields
        options = {name: value for name, value in SMALL_TRAINING.items() if name in fields} | dict(options)
    depth = LEVELS.index(level)
    cases = [*(module_cases(module) if module else ()), *KITS[kind](cls, options)]
    return [case for case in cases if LEVELS.index(case.level) <= depth]


def run_cases(
    cases: Sequence[Case], seconds: float, told: Callable[[CaseReport], None] = lambda report: None
) -> list[CaseReport]:
    """Call each, until the seconds are over: what comes later is not tried. ``told`` hears of each at once.

    A case that goes on for longer is broken off where the system can do that (signals, in the main thread).
    """
    end, reports = time.monotonic() + seconds, list[CaseReport]()
    unmade: set[str] = set()  # what was said of plugins that cannot be made
    for case in cases:
        left = end - time.monotonic()
        report = _run_case(case, left, unmade) if left > 0 else _leave_out(case, seconds)
        reports.append(report)
        told(report)
    return reports


def _run_case(case: Case, left: float, unmade: set[str]) -> CaseReport:
    started = time.monotonic()
    result, seen, cure = Result.KEPT, "", ""
    try:
        with _break_off_after(left):
            case()
    except _TookTooLong as error:
        result = Result.BROKEN
        seen = f"it had not ended after {left:.0f} s, and was broken off{_find_line(error)}"
    except NotMadeError as error:
        if str(error) in unmade:
            seen = "it cannot be made, as is said above"
            return CaseReport(case.rule, case.level, Result.NOT_TRIED, seen, time.monotonic() - started)
        unmade.add(str(error))
        result, seen, cure = Result.BROKEN, f"it cannot be made: {error}", "Do what the sentence says."
    except AssertionError as error:
        result, seen = Result.BROKEN, str(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 — a stranger's plugin may raise anything
        result, seen = Result.BROKEN, f"it raised {type(error).__name__}: {error}{_find_line(error)}"
    if result is Result.BROKEN and not cure:
        cure = case.cure or "Mend the line that is named, or what the sentence names."
    return CaseReport(case.rule, case.level, result, seen, time.monotonic() - started, cure)


def _leave_out(case: Case, seconds: float) -> CaseReport:
    why = f"the {seconds:g} seconds were over; give more with --seconds"
    return CaseReport(case.rule, case.level, Result.NOT_TRIED, why, 0.0)


def _find_line(error: BaseException) -> str:
    """Where it was raised: the innermost line that is neither selfchal's own nor Python's, if any is."""
    frames = traceback.extract_tb(error.__traceback__)
    strange = [
        frame for frame in frames if not frame.filename.startswith((_OURS, "<")) and not _is_pythons(frame)
    ]
    own = [frame for frame in strange if not _is_librarys(frame)] or strange
    if not own and isinstance(error, SelfchalError):
        return ""  # it says itself what is to be done
    line = (own or frames)[-1:]
    return "".join(f", line {one.lineno} of {one.filename}" for one in line)


def _is_librarys(frame: traceback.FrameSummary) -> bool:
    """Of what a plugin calls, which raises for the plugin's fault."""
    return bool(_LIBRARIES & set(Path(frame.filename).parts))


def _is_pythons(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(_PYTHONS) and "site-packages" not in frame.filename


class _TookTooLong(KeyboardInterrupt):
    """As Ctrl-C, which neither a plugin that catches every Exception nor a tool's call takes for its own."""


@contextmanager
def _break_off_after(seconds: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield  # Windows has no such timer, and other threads get no signal
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise _TookTooLong

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
