"""Plugins that watch: hooks of a module, and classes with options; one that fails is left out."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from selfchal.core.hookspecs import hookimpl
from selfchal.core.judge import Outcome, Verdict
from selfchal.core.task import Task
from selfchal.core.watcher import RunInfo
from selfchal.plugins import load_plugins
from tests.plugins.failures import find_failure

Install = Callable[..., None]
TASK = Task("t", "shop", {}, "do it", "def evaluate(): return True", "", ("", "", ""))

WATCHER = """
    from selfchal.core.hookspecs import hookimpl
    seen = []

    @hookimpl
    def task_judged(verdict):
        seen.append(verdict.stage)

    @hookimpl
    def episodes_finished(purpose, episodes):
        seen.append((purpose, len(episodes)))

    @hookimpl
    def update_finished(step, metrics):
        seen.append((step, metrics["loss"]))
"""


def test_a_hook_that_watches_with_a_wrong_argument_is_told_the_signature(install: Install) -> None:
    install("arg-pack", WATCHER.replace("def task_judged(verdict)", "def task_judged(verdct, task)"))
    assert (
        "its hook task_judged takes verdct, which it is not given; the signature is "
        "task_judged(run, task, verdict), any of which it may leave out."
        in find_failure(load_plugins(), "arg_pack")
    )


def test_watching_hooks_are_passed_on_and_a_broken_watcher_is_left_out(install: Install) -> None:
    install("watch-pack", WATCHER)
    install("fail-pack", WATCHER.replace("seen.append(verdict.stage)", "1 / 0"), version="2.5")
    notes: list[str] = []

    class Listener:
        @hookimpl
        def note(self, text: str) -> None:
            notes.append(text)

    watchers = load_plugins().watchers()
    watchers.add(Listener(), "this test")
    run = RunInfo("r", None, {})
    for stage in ("solution", "failures"):
        watchers.tell("task_judged", run, task=TASK, verdict=Verdict(Outcome.PASSED, stage))
    watchers.tell("episodes_finished", run, purpose="train", episodes=[])
    watchers.tell("update_finished", run, stage="train 1", step=3, metrics={"loss": 0.5})
    assert sys.modules["watch_pack"].seen == ["solution", "failures", ("train", 0), (3, 0.5)]
    assert sys.modules["fail_pack"].seen == []
    (said,) = notes
    assert (
        "plugin 'fail_pack' of package fail-pack 2.5: its hook task_judged raised ZeroDivisionError" in said
    )


CLASS = """
    from pydantic import BaseModel
    from selfchal.core.hookspecs import hookimpl

    class Options(BaseModel):
        every: int = 1

    class Bell:
        '''Rings at updates.'''
        name = "bell"
        Config = Options
        def __init__(self, config): ...
        @hookimpl
        def update_finished(self, step): ...

    @hookimpl
    def register_watchers():
        return [Bell]
"""


def test_a_watcher_with_options_is_found_by_its_name(install: Install) -> None:
    install("bell-pack", CLASS)
    assert load_plugins().find("watcher", "bell").__name__ == "Bell"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "        @hookimpl\n        def update",
            "        def update",
            "Bell cannot watch: update_finished is named as a hook and is not marked; write @selfchal.hookimpl",
        ),
        (
            "update_finished(self",
            "updat_finished(self",
            "there is not. Did it mean update_finished(run, stage, step, metrics)?",
        ),
        (
            "(self, step)",
            "(self, number)",
            "takes number, which it is not given; the signature is update_finished(run, ",
        ),
    ],
)
def test_a_watcher_that_would_hear_nothing_is_told_so(
    install: Install, old: str, new: str, sentence: str
) -> None:
    install("bell-pack", CLASS.replace(old, new), plugin="bell")
    plugins = load_plugins()
    assert sentence in find_failure(plugins, "bell")
    assert "bell" not in plugins.names("watcher")
