"""Runs side by side: pairs over shared tasks, manifests option by option."""

from __future__ import annotations

from pathlib import Path

from selfchal.browsing.comparing import compare_runs, list_differences
from selfchal.pipeline.store import Store
from tests.support.stored_run import MANIFEST, make_episode


def write_measured(directory: Path, rewards: dict[str, float], seed: int = 0, model: str = "m") -> Path:
    manifest = {**MANIFEST, "run": {"name": directory.name, "seed": seed}, "model": {"name": model}}
    with Store.create(directory, manifest) as store:
        store.put_fact("secret", directory.name)
        episodes = [make_episode(task, "x", reward) for task, reward in rewards.items()]
        store.put_episodes("evaluate", "before/sampled/000000", episodes)
    return directory


def test_the_difference_is_paired_over_the_tasks_that_both_measured(tmp_path: Path) -> None:
    first = write_measured(tmp_path / "a", {"x": 0.0, "y": 0.0, "only a": 1.0})
    second = write_measured(tmp_path / "b", {"x": 1.0, "y": 0.0, "only b": 0.0})
    other = write_measured(tmp_path / "c", {"z": 1.0})
    runs = compare_runs([first, second, other]).runs
    assert runs[0].against is None
    assert runs[1].against is not None
    assert (runs[1].against.mean, runs[1].against.tasks, runs[1].shared) == (0.5, 2, 2)
    assert runs[1].against.low < 0.5 < runs[1].against.high
    assert (runs[2].against, runs[2].shared) == (None, 0)


def test_runs_of_other_models_are_not_taken_for_seeds(tmp_path: Path) -> None:
    one, two = (write_measured(tmp_path / m, {"x": 1.0}, seed, m) for seed, m in enumerate(("a", "b")))
    comparison = compare_runs([one, two])
    assert comparison.over_seeds is None
    assert [difference.option for difference in comparison.options] == ["model.name", "run.name", "run.seed"]


def test_manifests_are_compared_option_by_option() -> None:
    first = {"a": {"b": 1, "same": [1, 2]}, "only": {}}
    second = {"a": {"b": "1", "same": [1, 2]}}
    found = {difference.option: difference.values for difference in list_differences([first, second])}
    assert found == {"a.b": ("1", '"1"'), "only": ("{}", "")}
