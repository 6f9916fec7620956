"""Cases are tried one by one: a broken one harms no other, none goes on for ever, and each is told of at once."""

from __future__ import annotations

import contextlib
import time
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from selfchal.plugins import load_plugins
from selfchal.plugins.kinds import KINDS
from selfchal.testing import checking
from selfchal.testing.checking import KITS, CaseReport, Result, list_cases, run_cases
from selfchal.testing.conformance import Case, CaseLevel


def _raise(error: BaseException) -> Any:
    raise error


CASES = [
    Case("holds", lambda: None),
    Case("is refused", lambda: _raise(AssertionError("it has no tool: give it one"))),
    Case("raises", lambda: 1 / 0),
    Case("ends the program", lambda: _raise(SystemExit(3))),
    Case("holds too", lambda: None),
]


def test_a_broken_case_says_what_was_seen_and_harms_no_other() -> None:
    told: list[CaseReport] = []
    reports = run_cases(CASES, 60, told.append)
    assert told == reports
    assert [report.result for report in reports] == ["kept", "broken", "broken", "broken", "kept"]
    assert reports[1].seen == "it has no tool: give it one"
    assert "ZeroDivisionError: division by zero, line " in reports[2].seen
    assert "test_checking.py" in reports[2].seen
    assert reports[3].seen.startswith("it raised SystemExit: 3")


def test_a_plugin_that_says_why_it_cannot_be_made_is_broken_once_and_tried_no_further() -> None:
    cls = load_plugins().find("sandbox", "unsafe-subprocess")
    reports = run_cases(list_cases("sandbox", cls, {}, CaseLevel.RUNTIME), 60)
    (broken,) = [report for report in reports if report.result is Result.BROKEN]
    assert "SandboxUnavailableError" in broken.seen
    assert "allow: true" in broken.seen
    assert broken.cure == "Do what the sentence says."
    later = reports[reports.index(broken) + 1 :]
    assert later
    assert {(report.result, report.seen) for report in later} == {
        (Result.NOT_TRIED, "it cannot be made, as is said above")
    }


def test_a_case_that_does_not_end_is_broken_off_and_later_ones_are_not_tried() -> None:
    def catch_everything() -> None:
        while True:
            with contextlib.suppress(Exception):  # a plugin that goes on whatever happens
                time.sleep(60)

    started = time.monotonic()
    slow, later = run_cases([Case("ends", catch_everything), CASES[0]], 0.2)
    assert time.monotonic() - started < 30
    assert (slow.result, later.result) == (Result.BROKEN, Result.NOT_TRIED)
    assert "had not ended after" in slow.seen
    assert "--seconds" in later.seen


def test_every_kind_of_plugin_has_a_kit() -> None:
    assert set(KITS) == {kind.name for kind in KINDS}


@pytest.mark.parametrize("kind", KITS)
def test_deeper_levels_hold_the_cases_of_those_before(kind: str) -> None:
    names = {"sandbox": "process", "model": "openai", "environment": "calculation", "trainer": "grpo",
             "synthesizer": "code_as_task", "check": "novelty", "engine": "local", "watcher": "progress"}  # fmt: skip
    options: dict[str, Any] = {"base_url": "http://127.0.0.1:1/v1", "model": "m"} if kind == "model" else {}
    cls = load_plugins().find(kind, names[kind])
    static, runtime, semantic = (
        [str(case) for case in list_cases(kind, cls, options, level)] for level in CaseLevel
    )
    assert static
    assert static == [rule for rule in runtime if rule in static]
    assert runtime == [rule for rule in semantic if rule in runtime]
    assert len(static) < len(runtime) <= len(semantic)


def test_a_trainer_gets_small_options_where_it_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Options(BaseModel, extra="forbid"):
        steps: int = 1_000
        group_size: int = 8

    class Trains:
        Config: ClassVar[type[BaseModel]] = Options

    given: list[Any] = []
    monkeypatch.setitem(checking.KITS, "trainer", lambda cls, options: given.append(options) or [])  # type: ignore[misc,func-returns-value]
    list_cases("trainer", Trains, {"group_size": 4}, CaseLevel.SEMANTIC)
    assert given == [{"steps": 6, "group_size": 4}]
