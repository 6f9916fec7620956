"""A checkpoint of any trainer loads in plain transformers as the model does that training began with."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from selfchal.builtin_models.config import TransformersConfig
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.core.episode import Group
from selfchal.core.task import Task
from selfchal.core.trainer import WriteFiles
from selfchal.plugins import load_plugins
from tests.builtin_models.tiny import write_model
from tests.builtin_trainers.test_pairs import training
from tests.builtin_trainers.toy import ToyProgress

pytestmark = pytest.mark.torch

# As Vicuna has it: transformers loads it, and refuses to save it.
SAMPLING = {"do_sample": False, "temperature": 0.9, "top_p": 0.6, "eos_token_id": [2, 4], "pad_token_id": 0}
TRAINERS = [
    item.name for item in load_plugins().all() if item.kind == "trainer" and item.package == "selfchal"
]


class OnDisk(ToyProgress):
    """Checkpoints as a run keeps them: what the model saves, in a directory each."""

    directory: Path

    def save(self, step: int, state: Any, write_files: WriteFiles | None = None) -> None:
        super().save(step, state, write_files)
        self.model.save(self.directory / f"step_{step}")

    def latest(self) -> tuple[int, Any] | None:
        found = super().latest()
        if found:
            self.model.load(self.directory / f"step_{found[0]}")
        return found


def train(name: str, model: TransformersModel, progress: OnDisk, groups: dict[int, list[Group]]) -> None:
    """Two updates with a checkpoint after each. ``groups`` are what a run has stored, by seed."""
    trainer = load_plugins().find("trainer", name)
    options = {
        "steps": 2,
        "group_size": 8,
        "learning_rate": 1e-2,
        "validation_samples": 0,
        "checkpoint_every": 1,
    }
    given = training(model, model)

    def collect(chosen: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        if seed not in groups:
            groups[seed] = given.collect(chosen, samples, seed=seed)
        return groups[seed]

    trainer(trainer.Config(**options)).train(replace(given, collect=collect, progress=progress))


def describe(directory: Path) -> dict[str, Any]:
    """What decides how a model ends, pads and samples, as plain transformers reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that temperature does nothing where nothing is sampled
        network = AutoModelForCausalLM.from_pretrained(directory)
        tokenizer = AutoTokenizer.from_pretrained(directory)
    ids = ("bos_token_id", "eos_token_id", "pad_token_id")
    network(torch.tensor([[1]]))
    return {
        "config": {name: getattr(network.config, name) for name in ids},
        "tokenizer": {name: getattr(tokenizer, name) for name in ids},
        "generation": GenerationConfig.from_pretrained(directory).to_diff_dict()
        if (directory / "generation_config.json").exists()
        else None,
        "in memory": network.generation_config.to_diff_dict(),
    }


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = write_model(tmp_path_factory.mktemp("source"), "llama", scale=2.0)
    (directory / "generation_config.json").write_text(json.dumps(SAMPLING))
    return directory


def test_where_the_source_has_no_generation_config_a_checkpoint_has_none(tmp_path: Path) -> None:
    source = write_model(tmp_path / "source", "llama")
    (source / "generation_config.json").unlink()
    TransformersModel(TransformersConfig(path=str(source))).save(tmp_path / "saved")
    assert describe(tmp_path / "saved") == describe(source)


def test_an_adapter_is_saved_beside_the_model_that_it_belongs_to(source: Path, tmp_path: Path) -> None:
    config = TransformersConfig.model_validate({"path": str(source), "lora": {"r": 2}})
    TransformersModel(config).save(tmp_path / "saved")
    expected = describe(source)
    assert {**describe(tmp_path / "saved"), "generation": expected["generation"]} == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINERS)
def test_checkpoints_end_pad_and_sample_as_their_source(name: str, source: Path, tmp_path: Path) -> None:
    expected = describe(source)
    groups: dict[int, list[Group]] = {}
    model = TransformersModel(TransformersConfig(path=str(source)))
    progress = OnDisk(model, stop_after=2)  # type: ignore[arg-type]  # a whole model, of which it uses parts
    progress.directory = tmp_path
    with pytest.raises(KeyboardInterrupt):
        train(name, model, progress, groups)
    resumed = TransformersModel(TransformersConfig(path=str(source)))
    progress.model, progress.stop_after = resumed, None  # type: ignore[assignment]  # as above
    train(name, resumed, progress, groups)
    resumed.save(tmp_path / "final")
    saved = sorted(path.name for path in tmp_path.iterdir())
    assert saved == ["final", "step_1", "step_2"]
    for checkpoint in saved:
        assert describe(tmp_path / checkpoint) == expected, checkpoint
