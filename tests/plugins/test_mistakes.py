"""Planted mistakes: each is found by loading or by the kit of its kind, and told with plugin, cause and cure."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from selfchal.plugins import Registered, load_plugins
from selfchal.testing.checking import Result, list_cases, run_cases
from selfchal.testing.conformance import CaseLevel, environment_cases
from tests.plugins.conftest import Install
from tests.plugins.mistakes import second_look
from tests.plugins.mistakes.engines import ENGINE
from tests.plugins.mistakes.environments import SMALL, WORLD
from tests.plugins.mistakes.loading import DECLARED, LOADING
from tests.plugins.mistakes.mistake import Mistake, read_sound
from tests.plugins.mistakes.models import MODEL
from tests.plugins.mistakes.others import CHECK, SANDBOX, SYNTHESIZER, WATCHER
from tests.plugins.mistakes.trainers import TRAINER

# By the sound source that they are planted into.
TABLES: list[tuple[str, Mapping[str, Mistake]]] = [
    ("check", LOADING),
    ("check", DECLARED),
    ("world", WORLD),
    ("environment", SMALL),
    ("synthesizer", SYNTHESIZER),
    ("sandbox", SANDBOX),
    ("model", MODEL),
    ("trainer", TRAINER),
    ("check", CHECK),
    ("engine", ENGINE),
    ("watcher", WATCHER),
    *second_look.TABLES,
]
OPTIONS = {"watcher": {"file": "told.txt"}}
ALL = [(sound, what, mistake) for sound, table in TABLES for what, mistake in table.items()]


def mark(sound: str, what: str = "") -> list[pytest.MarkDecorator]:
    """What needs torch: the game that trainers play, and a plugin that imports it."""
    return [pytest.mark.torch] if sound == "trainer" or "torch" in what else []


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a plugin writes, it writes into the test's folder; its modules are forgotten."""
    monkeypatch.chdir(tmp_path)
    yield
    for name in [name for name in sys.modules if name.startswith("planted_pack")]:
        del sys.modules[name]


def find_planted() -> Registered | None:
    """What the plugin registered, if anything was."""
    return next((item for item in load_plugins().all() if item.package == "planted-pack"), None)


def find_broken(item: Registered, module: str = "", rule: str = "") -> str:
    """What the kit says of the first rule that is broken, as `plugins check` prints it; empty where none is.

    ``module`` is looked at too where it is given, in another process each time. ``rule``: that one alone.
    """
    options = OPTIONS.get(item.kind, {})
    cases = list_cases(item.kind, item.cls, options, CaseLevel.SEMANTIC, module)
    if item.kind == "environment":
        cases = environment_cases(item.cls, options, calls=150)
    if rule:
        (found,) = [case for case in cases if case.rule == rule]
        cases = [found]
    for case in cases:
        if item.kind == "sandbox" and case.level is CaseLevel.SEMANTIC:
            continue  # the attacks take half a minute
        (report,) = run_cases([case], 60)
        if report.result is Result.BROKEN:
            assert report.cure, f"{case.rule} has no cure"
            return f"{item.kind} {item.name}: {report.rule}: {report.seen}. {report.cure}"
    return ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "sound", [pytest.param(sound, marks=mark(sound)) for sound in dict.fromkeys(row[0] for row in ALL)]
)
def test_what_mistakes_are_planted_into_is_sound(install: Install, sound: str) -> None:
    install("planted-pack", read_sound(sound))
    item = find_planted()
    assert item is not None, [str(one) for one in load_plugins().failures]
    assert find_broken(item, item.module) == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sound", "what", "mistake"),
    [pytest.param(*row, id=f"{row[0]}-{row[1]}", marks=mark(*row[:2])) for row in ALL],
)
def test_each_mistake_is_found_and_told(install: Install, sound: str, what: str, mistake: Mistake) -> None:
    install("planted-pack", mistake.plant(read_sound(sound)))
    told = [str(one) for one in load_plugins().failures if "planted" in f"{one.plugin} {one.package}"]
    if not told:
        item = find_planted()
        assert item is not None, "nothing was registered, and nothing was said"
        told = [find_broken(item, item.module if what in DECLARED else "", mistake.rule)]
    assert mistake.said in told[0]
    assert "planted" in told[0]
    assert "Traceback" not in told[0]
    assert "\n" not in told[0].strip()


def test_there_are_as_many_mistakes_as_are_promised() -> None:
    assert len(ALL) >= 150
