"""A plugin is shown with its options, and checked against the rules of its kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfchal.core.task import Task
from selfchal.pipeline.store import Store
from selfchal.plugins.plugin_files import FILES_VARIABLE
from tests.cli.conftest import Selfchal
from tests.support.misbehaving import NO_PROMPT, serving

EXAMPLES = Path(__file__).parents[2] / "examples"
LIAR = """
from pydantic import BaseModel
from selfchal import Finding, Stage, hookimpl


class Options(BaseModel, extra="forbid"):
    pass


class Liar:
    "Refuses every task."
    name = "liar"
    stage = Stage.NEW
    Config = Options

    def __init__(self, config): ...

    def compare(self, tasks, earlier, held_out):
        print("comparing")
        return [Finding.failed("no")]


@hookimpl
def register_checks():
    return [Liar]
"""


@pytest.fixture(autouse=True)
def _forget_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILES_VARIABLE, "")


def test_a_plugin_that_keeps_every_rule_ends_with_0(selfchal: Selfchal) -> None:
    ended = selfchal("plugins", "check", "novelty")
    assert ended.code == 0, ended.out
    assert "kept      can be registered" in ended.out
    assert "check novelty: 12 kept, in " in ended.out.splitlines()[-1]


def test_a_broken_rule_is_shown_with_what_was_seen_and_ends_with_1(
    selfchal: Selfchal, tmp_path: Path
) -> None:
    (tmp_path / "liar.py").write_text(LIAR)
    ended = selfchal("--plugin", tmp_path / "liar.py", "plugins", "check", "liar", "--json")
    assert ended.code == 1
    broken = [row for row in ended.json["rules"] if row["result"] == "broken"]
    assert broken[0]["rule"] == "has a finding for each task, whatever it holds"
    assert broken[0]["seen"] == "compare() of 6 tasks gave 1 findings"
    assert "comparing" in ended.err, "what a plugin prints is not part of the JSON"


def test_levels_choose_how_deep_it_looks(selfchal: Selfchal) -> None:
    ended = selfchal("plugins", "check", "calculation", "--level", "static", "--json")
    assert ended.code == 0
    assert {row["level"] for row in ended.json["rules"]} == {"static"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("check", "nothing"), "no plugin named 'nothing'; there are: airline,"),
        (("show", "nothing"), "no plugin named 'nothing'"),
        (("check", "novelty", "--kind", "trainer"), "no trainer named 'novelty'"),
        (("check", "novelty", "--set", "colour=red"), "colour"),
        (("check", "openai"), "base_url"),
    ],
)  # fmt: skip
def test_what_cannot_be_checked_ends_with_2_and_says_why(
    selfchal: Selfchal, arguments: tuple[str, ...], sentence: str
) -> None:
    ended = selfchal("plugins", *arguments)
    assert ended.code == 2
    assert sentence in ended.err


def test_a_plugin_is_shown_with_its_file_and_options(selfchal: Selfchal) -> None:
    ended = selfchal("--plugin", EXAMPLES / "own_checks.py", "plugins", "show", "length")
    assert ended.code == 0
    assert f"plugin 'own_checks' in the file {EXAMPLES / 'own_checks.py'}" in ended.out
    assert "words  int, default 40. The most words that an instruction may have." in ended.out
    row = selfchal("plugins", "show", "retail", "--json").json
    assert (row["kind"], row["package"]) == ("environment", "selfchal")
    assert row["file"].endswith("environment.py")


def test_a_manifest_names_files_with_plugins(selfchal: Selfchal, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.yaml"
    with serving(NO_PROMPT) as server:
        manifest.write_text(
            f"plugins: [{EXAMPLES / 'coffee_bar.py'}]\nenvironment: {{name: coffee_bar}}\n"
            f"model: {{name: openai, base_url: '{server.url}', model: m}}\n"
        )
        ended = selfchal("validate", manifest)
    assert ended.code == 0, ended.err
    manifest.write_text(manifest.read_text().replace("coffee_bar.py", "tea_bar.py"))
    ended = selfchal("validate", manifest)
    assert (ended.code, "tea_bar.py cannot be loaded as a plugin: there is no such file" in ended.err) == (
        2,
        True,
    )


def test_what_asks_a_run_for_its_environment_loads_the_files_of_its_manifest(
    selfchal: Selfchal, tmp_path: Path
) -> None:
    manifest = {
        "plugins": [str(EXAMPLES / "coffee_bar.py")],
        "run": {"name": "bar"},
        "environment": {"name": "coffee_bar"},
        "model": {"name": "seedling"},
        "rollout": {"max_steps": 15, "action_format": "code"},
    }
    task = Task("a1", "coffee_bar", {}, "Order tea.", "def evaluate(): return True", "order('tea')", ())
    with Store.create(tmp_path / "run", manifest) as store:
        store.put_tasks(1, [(task, "train")])
    ended = selfchal("tasks", "coverage", tmp_path / "run")
    assert (ended.code, "1 tasks" in ended.out) == (0, True), ended.err
    ended = selfchal("tasks", "export", tmp_path / "run", "--to", "trl", tmp_path / "out")
    assert (ended.code, "coffee_bar.py, which is on this machine alone" in ended.err) == (2, True)


def test_an_error_comes_with_its_traceback_on_demand(
    selfchal: Selfchal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Traceback" not in selfchal("plugins", "show", "nothing").err
    monkeypatch.setenv("SELFCHAL_DEBUG", "1")
    err = selfchal("plugins", "show", "nothing").err
    assert err.startswith("Traceback")
    assert "\nError: no plugin named 'nothing'" in err
