from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

import selfchal
from selfchal.core.errors import ManifestError, PluginError
from selfchal.core.judge import STANDARD_CHECKS
from selfchal.core.model import Capability
from selfchal.core.requirement import Requirement
from selfchal.pipeline.manifest import Catalog, Kind, validate
from selfchal.plugins import load_plugins


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    group_size: int = 8
    path: str = "x"


class Plugin:
    Config = Options
    needs = frozenset({Capability.GRADIENTS})

    def __init__(self, config: Options) -> None:
        self.config = config

    @classmethod
    def provides(cls, config: Options) -> frozenset[Capability]:
        return frozenset(Capability) if config.path != "endpoint" else frozenset({Capability.TEXT})


class Shelf:
    """A catalog with one plugin a kind."""

    def find(self, kind: Kind, name: str) -> Any:
        if name == "nobody":
            raise PluginError(f"no {kind} named 'nobody'")
        return Plugin


def with_installed_checks(shelf: Shelf) -> Catalog:
    """The installed checks, and the shelf's one plugin for every other kind."""
    installed = load_plugins()

    class Beside:
        def find(self, kind: Kind, name: str) -> Any:
            return installed.find(kind, name) if kind == "check" else shelf.find(kind, name)

    return Beside()


GOOD: dict[str, Any] = {"environment": {"name": "e"}, "model": {"name": "m"}, "trainer": {"name": "t"}}


def test_defaults_are_filled_in_and_come_back_resolved() -> None:
    manifest = validate(GOOD, Shelf())
    resolved = manifest.resolved()
    assert resolved["trainer"] == {"name": "t", "group_size": 8, "path": "x"}
    assert resolved["synthesizer"]["name"] == "code_as_task"
    assert resolved["rollout"]["max_steps"] == 15
    assert validate(resolved, Shelf()).resolved() == resolved
    json.dumps(resolved)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"trainr": {"name": "t"}}, r"trainr: no such key; did you mean 'trainer'\?"),
        (
            {"trainer": {"name": "t", "grop_size": 4}},
            r"trainer\.grop_size: no such key; did you mean 'group_size'",
        ),
        ({"trainer": {"name": "t", "zzz": 4}}, r"trainer\.zzz: no such key; there are: group_size, path"),
        ({"rollout": {"temprature": 1}}, r"rollout\.temprature: no such key; did you mean 'temperature'"),
        ({"rounds": "many"}, r'rounds: a whole number is needed .given: "many"'),
        (
            {"trainer": {"name": "t", "group_size": []}},
            r"trainer\.group_size: a whole number is needed .given: ...",
        ),
        ({"trainer": {}}, r"trainer\.name: is missing"),
        (
            {"model": {"name": "m", "path": "endpoint"}},
            r"trainer 't' needs gradients from the model, and model 'm'",
        ),
    ],
)
def test_mistakes_are_named_with_their_path(rows: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        validate({**GOOD, **rows}, Shelf())


def test_an_environment_may_be_written_as_a_list_of_one() -> None:
    rows = {key: value for key, value in GOOD.items() if key != "environment"}
    listed = validate({**rows, "environments": [{"name": "e", "share": 2, "path": "z"}]}, Shelf())
    alone = validate({**rows, "environment": {"name": "e", "path": "z"}}, Shelf())
    assert listed.resolved() == alone.resolved()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"environment": None}, "environment: is missing"),
        ({"environments": [{"name": "e"}]}, "environment and environments: write one of the two"),
        (
            {"environment": None, "environments": [{"name": "e"}, {"name": "f"}, {"name": "e"}]},
            "environments: e is named twice, and its tasks could not be told apart",
        ),
        (
            {"environment": None, "environments": [{"name": "e", "pth": "z"}]},
            r"environments\.0\.pth: no such key; did you mean 'path'",
        ),
        ({"environment": None, "environments": [{"name": "e", "share": 0}]}, r"environments\.0\.share"),
    ],
)
def test_environments_that_cannot_be_used_are_refused(rows: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        validate({**GOOD, **rows}, Shelf())


def without_trainer(**rows: Any) -> dict[str, Any]:
    return {**{key: value for key, value in GOOD.items() if key != "trainer"}, **rows}


def test_a_manifest_without_a_trainer_takes_a_model_that_cannot_be_trained() -> None:
    manifest = validate(without_trainer(model={"name": "m", "path": "endpoint"}), Shelf())
    assert manifest.trainer is None
    assert "trainer" not in manifest.resolved()
    assert validate(manifest.resolved(), Shelf()).resolved() == manifest.resolved()


def test_tasks_alone_leave_out_all_that_proposes(tmp_path: Path) -> None:
    (tmp_path / "tasks.jsonl").write_text("")
    manifest = validate({**GOOD, "tasks": {"from": str(tmp_path / "tasks.jsonl")}}, Shelf())
    assert manifest.synthesizer is None
    resolved = manifest.resolved()
    assert {"synthesizer", "challenge"}.isdisjoint(resolved)
    assert resolved["tasks"] == {"from": str(tmp_path / "tasks.jsonl")}
    assert validate(resolved, Shelf()).resolved() == resolved


TASKS = {"from": str(Path(__file__))}  # any file will do


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (without_trainer(teacher={"name": "m"}), "teacher makes the rollouts that a trainer learns from"),
        (without_trainer(curriculum={"train_challenger": True}), "train_challenger needs a trainer"),
        (without_trainer(tasks=TASKS, rounds=2), "every round would do the same"),
        ({**GOOD, "tasks": TASKS, "challenge": {"tasks": 5}}, "challenge: nothing is proposed"),
        ({**GOOD, "tasks": TASKS, "challenger": {"name": "m"}}, "challenger: nothing is proposed"),
        ({**GOOD, "tasks": TASKS, "challenge": {"minutes": 5}}, "challenge: nothing is proposed"),
        ({**GOOD, "tasks": TASKS, "curriculum": {"train_challenger": True}}, "nothing is proposed"),
        (
            {**GOOD, "tasks": {"from": "nowhere"}},
            r"tasks\.from: nowhere is neither a file.* nor the directory",
        ),
        ({**GOOD, "tasks": {"form": "x"}}, r"tasks\.form: no such key; did you mean 'from'"),
    ],
)
def test_what_would_be_ignored_is_refused(rows: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        validate(rows, Shelf())


def test_where_a_model_is_only_measured_its_tasks_need_not_be_there_any_more() -> None:
    rows = {**GOOD, "tasks": {"from": "nowhere"}}
    assert validate(rows, Shelf(), trains=False).settings.tasks


def test_options_for_one_name_alone() -> None:
    trainer = {"name": "t", "group_size": 2, "only": {"t": {"group_size": 5}, "other": {"group_size": 6}}}
    assert validate({**GOOD, "trainer": trainer}, Shelf()).resolved()["trainer"]["group_size"] == 5
    wrong = {**trainer, "only": {"other": {"grop_size": 6}}}
    with pytest.raises(ManifestError, match=r"trainer\.only\.other\.grop_size: no such key; did you mean"):
        validate({**GOOD, "trainer": wrong}, Shelf())


@pytest.mark.torch
def test_an_option_of_one_alternative_alone_is_told_where_it_belongs() -> None:
    trainer = {"name": "ppo", "critic": "network", "only": {"grpo": {"steps": 3}}}
    rows = {"environment": {"name": "calculation"}, "model": {"name": "seedling"}, "trainer": trainer}
    with pytest.raises(ManifestError, match=r"^trainer\.critic: 'grpo', .* write it in trainer\.only\.ppo$"):
        selfchal.load_manifest(rows)
    assert selfchal.load_manifest({**rows, "trainer": {"name": "ppo", "critic": "network"}}).trainer


def test_the_standard_checks_judge_where_nothing_is_said() -> None:
    assert [choice.name for choice in validate(GOOD, with_installed_checks(Shelf())).checks] == list(
        STANDARD_CHECKS
    )


@pytest.mark.parametrize(
    ("checks", "names"),
    [
        ([{"name": "completeness", "literals": False}], [*STANDARD_CHECKS]),
        ([{"name": "completeness", "enabled": False}], [n for n in STANDARD_CHECKS if n != "completeness"]),
        ([{"name": "attempts", "attempts": 3}], [*STANDARD_CHECKS, "attempts"]),
        ([{"name": "attempts", "enabled": False}], [*STANDARD_CHECKS]),
        (
            [{"name": "novelty", "enabled": False}, {"name": "attempts"}, {"name": "stability"}],
            [*STANDARD_CHECKS[:-1], "attempts"],
        ),
        ([{"name": name, "enabled": False} for name in STANDARD_CHECKS], []),
    ],
)
def test_checks_are_set_switched_off_and_added(checks: list[dict[str, Any]], names: list[str]) -> None:
    catalog = with_installed_checks(Shelf())
    manifest = validate({**GOOD, "checks": checks}, catalog)
    assert [choice.name for choice in manifest.checks] == names
    resolved = manifest.resolved()
    assert validate(resolved, catalog).resolved() == resolved


def test_a_standard_check_is_made_with_the_options_of_the_manifest() -> None:
    rows = {**GOOD, "checks": [{"name": "completeness", "literals": False}]}
    made = {choice.name: choice.make() for choice in validate(rows, with_installed_checks(Shelf())).checks}
    assert not made["completeness"].config.literals


@pytest.mark.parametrize(
    ("checks", "message"),
    [
        ([{"name": "completness"}], r"no check named 'completness'; did you mean 'completeness'\?"),
        (
            [{"name": "completeness", "literal": False}],
            r"checks\.0\.literal: no such key; did you mean 'literals'",
        ),
        ([{"name": "novelty", "near": 3}], r"checks\.0\.near: .*1.0 or less is needed"),
        ([{"name": "novelty", "enabled": "sometimes"}], r"checks\.0\.enabled: true or false is needed"),
        (
            [{"name": "novelty"}, {"name": "novelty"}],
            r"checks\.1\.name: check 'novelty' is named before; give its",
        ),
    ],
)
def test_a_mistake_about_a_check_is_named(checks: list[dict[str, Any]], message: str) -> None:
    with pytest.raises((ManifestError, PluginError), match=message):
        validate({**GOOD, "checks": checks}, with_installed_checks(Shelf()))


def test_a_model_that_is_only_measured_need_not_train() -> None:
    rows = {**GOOD, "model": {"name": "m", "path": "endpoint"}}
    assert validate(rows, Shelf(), trains=False).model.name == "m"


class Heavy(Plugin):
    name = "heavy"
    requires = (Requirement("no_such_module_at_all", "selfchal[heavy]"),)


class HeavyShelf:
    """A catalog whose plugin of one kind needs what is not installed."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def find(self, kind: Kind, name: str) -> Any:
        return Heavy if kind == self.kind else Plugin


@pytest.mark.parametrize(
    "kind", ["environment", "synthesizer", "sandbox", "model", "trainer", "check", "engine", "watcher"]
)
def test_whatever_section_names_a_plugin_that_cannot_be_made_here_is_refused(kind: Kind) -> None:
    rows = {**GOOD, "checks": [{"name": "c"}], "watchers": [{"name": "w"}]}
    with pytest.raises(PluginError, match=r"'heavy' needs .*no_such_module_at_all.*'selfchal\[heavy\]'"):
        validate(rows, HeavyShelf(kind))


def test_what_is_never_made_need_not_be_installed() -> None:
    validate(GOOD, HeavyShelf("trainer"), trains=False)
    validate(GOOD, HeavyShelf("model"), trains=False, loads_model=False)
    with pytest.raises(PluginError, match="no_such_module_at_all"):
        validate(GOOD, HeavyShelf("model"), trains=False)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ManifestError, match=r"(?s)rounds.*bogus|bogus.*rounds"):
        validate({**GOOD, "rounds": 0, "bogus": 1}, Shelf())


def test_an_unknown_plugin_is_a_plugin_error() -> None:
    with pytest.raises(PluginError, match="nobody"):
        validate({**GOOD, "sandbox": {"name": "nobody"}}, Shelf())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"run": {"name": ".."}}, r"run\.name"),
        ({"run": {"name": "-x"}}, r"run\.name"),
        ({"rollout": {"temperature": float("inf")}}, r"rollout\.temperature: a finite number is needed"),
        ({"trainer": {"name": "t", "rate": float("nan")}}, r"trainer\.rate: a finite number is needed"),
        ({"trainer": {"name": "t", "group_size": True}}, r"trainer\.group_size: a number is needed .*true"),
        ({"rounds": True}, r"rounds: a number is needed"),
        ({"curriculum": {"band": [0.9, 0.1]}}, r"curriculum\.band: two pass rates are needed"),
        ({"curriculum": {"band": [True, 1.0]}}, r"curriculum\.band\.0: a number is needed"),
        ({"rollout": {"max_steps": 1_000_000_000}}, r"rollout\.max_steps: .*1000 or less is needed"),
    ],
)
def test_what_nobody_can_mean_is_refused(rows: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        validate({**GOOD, **rows}, Shelf())
