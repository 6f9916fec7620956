"""The watchers' kit passes a sound watcher, and each of its cases fails for one that breaks its rule."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from selfchal import hookimpl
from selfchal.plugins import load_plugins
from selfchal.testing.conformance import watcher_cases


class Options(BaseModel, extra="forbid"):
    pass


class Counts:
    """Counts what it hears of."""

    name = "counts"
    Config = Options

    def __init__(self, config: Options) -> None:
        self.heard: list[str] = []

    @hookimpl
    def stage_started(self, run: Any, stage: str, total: int | None) -> None:
        self.heard.append(f"{stage} of {total}")

    @hookimpl
    def run_ended(self, run: Any, results: Any) -> None:
        self.heard.append("stopped" if results is None else "done")


def test_sound_watchers_pass() -> None:
    for cls in (Counts, load_plugins().find("watcher", "progress")):
        for case in watcher_cases(cls):
            case()


@hookimpl
def _divide(self: Any, done: int, total: int | None) -> float:
    return done / total  # type: ignore[operator]  # what is tested: the total of a training is not known


@hookimpl
def _read_results(self: Any, results: Any) -> Any:
    return results["after"]


@hookimpl
def _forget(self: Any, episodes: list[Any]) -> None:
    episodes.clear()


@hookimpl
def _name_what_nobody_tells(self: Any, run: Any, colour: str) -> None: ...


def _fail(self: Any, config: Any) -> None:
    raise ConnectionError("no server")


BROKEN: dict[str, tuple[str, str, dict[str, Callable[..., Any]]]] = {
    "a total that is not known": (
        "hears a whole run without raising",
        "its hook stage_progressed raised TypeError",
        {"stage_progressed": _divide},
    ),
    "results of a run that was stopped": (
        "hears of a run that is stopped, and goes on",
        "its hook run_ended raised TypeError",
        {"run_ended": _read_results},
    ),
    "episodes that others hear of": (
        "changes nothing of what it is told",
        "episodes_finished changed what it was told",
        {"episodes_finished": _forget},
    ),
    "a connection when it is made": ("is made from its options", "no server", {"__init__": _fail}),
    "an argument that there is not": ("can be registered", "colour", {"note": _name_what_nobody_tells}),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_each_broken_rule_is_found(fault: str) -> None:
    rule, sentence, change = BROKEN[fault]
    (case,) = [case for case in watcher_cases(type("Broken", (Counts,), change)) if case.rule == rule]
    with pytest.raises((AssertionError, ConnectionError), match=re.escape(sentence)):
        case()
