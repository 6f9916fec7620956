"""The reference pages describe what runs really write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.script import load_script

RESULTS = Path(__file__).parent / "quickstart_results.json"


@pytest.fixture(scope="module")
def script() -> Any:
    return load_script("docs_reference")


def test_every_key_of_a_real_results_file_is_described(script: Any) -> None:
    results = json.loads(RESULTS.read_text())
    assert script.list_undescribed(results) == []
    assert script.list_undescribed({**results, "new": {"key": 1}}) == ["new.key"]


def test_a_name_without_a_meaning_and_a_meaning_without_a_name_are_refused(script: Any) -> None:
    for real, described in (({"a", "b"}, {"a"}), ({"a"}, {"a", "b"})):
        with pytest.raises(SystemExit, match=r"docs_reference\.yaml: b"):
            script.refuse("columns", real, described)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["Grpo", "Ppo"])
def test_every_metric_that_a_training_logs_is_described(script: Any, name: str) -> None:
    from selfchal.builtin_trainers import plugin
    from tests.builtin_trainers import toy

    trainer, model = getattr(plugin, name), toy.ToyModel()
    progress = toy.ToyProgress(model)
    config = trainer.Config(steps=2, group_size=4, tasks_per_step=4, kl=0.01, micro_batch_tokens=256)
    trainer(config).train(toy.training(model, progress, validation=4))
    known = {metric for group in script.MEANINGS["metrics"].values() for metric in group}
    logged = {metric for _, metrics in progress.logged for metric in metrics}
    assert len(logged) > 20
    assert logged <= known
