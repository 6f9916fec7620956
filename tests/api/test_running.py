"""Manifests loaded, run, measured and taken apart, as a script does it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

import selfchal
from selfchal.core.episode import Episode
from selfchal.core.errors import ManifestError, ModelError, StoreError
from selfchal.pipeline.loop import begin

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "examples" / "quickstart.yaml"
SMALL: dict[str, Any] = {
    "run": {"name": "small"},
    "environment": {"name": "calculation"},
    "model": {"name": "seedling"},
    "synthesizer": {"name": "code_as_task", "revisions": 0},
    "challenge": {"tasks": 4, "proposals": 16},
    "trainer": {"name": "ppo", "steps": 2, "tasks_per_step": 2, "group_size": 2},
    "rollout": {"max_steps": 5, "max_tokens": 32, "challenge_tokens": 250},
    "evaluation": {"tasks": 4, "samples": 1, "baselines": False},
}


@pytest.mark.torch
def test_a_manifest_is_loaded_from_a_file_or_a_mapping_which_stays_as_it_is() -> None:
    assert selfchal.load_manifest(str(QUICKSTART)).resolved() == selfchal.load_manifest(QUICKSTART).resolved()
    rows = copy.deepcopy(SMALL)
    manifest = selfchal.load_manifest(rows, ["trainer.steps=9", "run.seed=3"])
    assert (manifest.trainer.config.steps, manifest.settings.run.seed) == (9, 3)  # type: ignore[attr-defined]
    assert rows == SMALL


@pytest.mark.torch
def test_a_loaded_manifest_can_be_loaded_again_with_overrides() -> None:
    manifest = selfchal.load_manifest(SMALL)
    assert selfchal.load_manifest(manifest) is manifest
    assert selfchal.load_manifest(manifest, ["run.seed=3"]).settings.run.seed == 3
    assert manifest.settings.run.seed == 0


def test_a_faulty_manifest_is_a_sentence() -> None:
    with pytest.raises(ManifestError, match=r"trainer\.stepps: no such key; did you mean 'steps'"):
        selfchal.load_manifest(SMALL, ["trainer.stepps=3"])


def test_a_class_in_a_manifest_is_a_sentence_with_the_cure() -> None:
    class Shelf:
        name = "shelf"

    with pytest.raises(ManifestError, match=r"environment: the class Shelf .*'plugins': \['FILE\.py'\]"):
        selfchal.run({**SMALL, "environment": Shelf})


def test_the_oracle_solves_what_doing_nothing_does_not() -> None:
    tasks = ["evaluation.tasks=5"]
    oracle = selfchal.evaluate("calculation", policy="oracle", overrides=tasks)
    assert (oracle["pass@1"], oracle["tasks"], oracle["failed"]) == (1.0, 5, [])
    nothing = selfchal.evaluate({"environment": {"name": "calculation"}}, policy="nothing", overrides=tasks)
    assert (nothing["pass@1"], len(nothing["failed"])) == (0.0, 5)


@pytest.mark.torch
def test_a_manifest_has_no_checkpoint() -> None:
    with pytest.raises(ManifestError, match="is no run directory, so it has no checkpoint 'round_1/final'"):
        selfchal.evaluate(QUICKSTART, checkpoint="round_1/final")


class Recorder:
    """Keeps what a run tells."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.updates: list[int] = []

    @selfchal.hookimpl
    def stage_started(self, stage: str) -> None:
        self.stages.append(stage)

    @selfchal.hookimpl
    def update_finished(self, step: int) -> None:
        self.updates.append(step)


def alternate(episodes: Sequence[Episode]) -> None:
    for number, episode in enumerate(episodes):
        episode.reward = float(number % 2)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recorder, dict[str, Any]]:
    """A small run with rewards that are not the verifiers', what it told, and what it returned."""
    directory, watcher = tmp_path_factory.mktemp("runs") / "small", Recorder()
    return directory, watcher, selfchal.run(SMALL, directory, watch=[watcher], rewrite=alternate)


@pytest.mark.slow
@pytest.mark.torch
def test_a_run_tells_its_watcher_and_returns_what_it_wrote(
    ended: tuple[Path, Recorder, dict[str, Any]],
) -> None:
    directory, watcher, results = ended
    view = selfchal.open_run(directory)
    assert view.results() == results
    assert {"evaluate before", "challenge 1", "train 1", "evaluate after"} <= set(watcher.stages)
    assert watcher.updates == [row["step"] for row in view.metrics()] == [1, 2]
    assert {row["reward"] for row in view.episodes("train")} == {0.0, 1.0}
    assert (directory / "report.html").exists()


@pytest.mark.slow
@pytest.mark.torch
def test_a_run_is_gone_on_with_but_never_overwritten(ended: tuple[Path, Recorder, dict[str, Any]]) -> None:
    directory, _, results = ended
    with pytest.raises(StoreError, match="already holds a run"):
        selfchal.run(SMALL, directory)
    again = selfchal.run(selfchal.load_manifest(SMALL), directory, resume=True)
    assert {key: again[key] for key in ("before", "after", "funnel")} == {
        key: results[key] for key in ("before", "after", "funnel")
    }


@pytest.mark.slow
@pytest.mark.torch
def test_checkpoints_of_a_run_are_measured(ended: tuple[Path, Recorder, dict[str, Any]]) -> None:
    directory, _, results = ended
    last = selfchal.evaluate(directory)
    assert last["pass@1"] == pytest.approx(results["after"]["pass@1"])
    first = selfchal.evaluate(directory, "start")
    assert first["greedy"] == pytest.approx(results["before"]["greedy"])
    assert first["opened"]["test"] == last["opened"]["test"] + 1  # each look counts
    assert selfchal.open_run(directory).results()["opened"] == first["opened"]
    with pytest.raises(ModelError, match="no checkpoint"):
        selfchal.evaluate(directory, "round_9/final")


@pytest.mark.slow
@pytest.mark.torch
def test_the_stages_of_a_run_can_be_called_one_by_one(tmp_path: Path) -> None:
    for _ in range(2):  # the second time it goes on, and finds the measurement there
        with selfchal.open_context(SMALL, tmp_path / "run") as context:
            begin(context)
    batches = {row["batch"].rpartition("/")[0] for row in selfchal.open_run(tmp_path / "run").episodes()}
    assert batches == {"before/sampled", "before/greedy"}


@pytest.mark.torch
def test_a_run_of_a_version_with_fewer_options_goes_on_and_one_of_other_options_does_not(
    tmp_path: Path,
) -> None:
    with selfchal.open_context(SMALL, tmp_path) as context:
        context.store.put_episodes("evaluate", "before/greedy/000000", [Episode("one", 0, reward=1.0)])
    file = tmp_path / "manifest.yaml"
    stored = yaml.safe_load(file.read_text(encoding="utf-8"))
    del stored["evaluation"]["temperature"]
    del stored["trainer"]["patience"]
    file.write_text(yaml.safe_dump(stored), encoding="utf-8")
    with selfchal.open_context(SMALL, tmp_path) as context:
        assert [episode.task for episode in context.store.episodes("evaluate")] == ["one"]
    changed = {**SMALL, "trainer": {**SMALL["trainer"], "patience": 2}}
    with pytest.raises(StoreError, match=r"trainer\.patience is 5 there and 2 here"):  # noqa: SIM117
        with selfchal.open_context(changed, tmp_path):
            pass
    stored["trainer"]["gone"] = 1
    file.write_text(yaml.safe_dump(stored), encoding="utf-8")
    with pytest.raises(StoreError, match=r"trainer\.gone is 1 there and null here"):  # noqa: SIM117
        with selfchal.open_context(SMALL, tmp_path):
            pass
