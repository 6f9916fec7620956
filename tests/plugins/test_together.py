"""An environment, a synthesizer and a trainer of other people, written against public names alone, in one run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, LlamaConfig

import selfchal
from selfchal.plugins.scaffold import scaffold
from selfchal.testing.conformance.public_names import find_private_imports
from selfchal.testing.endpoint import serve_turns
from selfchal.testing.toys import TOY_TASK
from tests.builtin_models.tiny import SIZES, tokenizer

pytestmark = pytest.mark.torch

KINDS = {"environment": "shelf", "synthesizer": "asker", "trainer": "leave_one_out"}


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """What ``plugins new`` writes for three kinds, as ``pip install`` would install it."""
    folders = []
    for kind, name in KINDS.items():
        source = scaffold(kind, name, tmp_path / name) / "src"
        info = source / f"selfchal_{name}-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: selfchal-{name}\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text(f"[selfchal]\n{name} = selfchal_{name}\n")
        monkeypatch.syspath_prepend(str(source))
        folders.append(source / f"selfchal_{name}")
    yield folders
    for module in [
        module for module in sys.modules if module.partition(".")[0] in {one.name for one in folders}
    ]:
        del sys.modules[module]


@pytest.fixture
def tiny_policy(tmp_path: Path) -> Path:
    """An untrained model on disk whose context holds the environment's prompt."""
    folder, words = tmp_path / "policy", tokenizer()
    sizes = {**SIZES, "num_key_value_heads": 2, "num_hidden_layers": 1, "max_position_embeddings": 4096}
    ids = {"vocab_size": len(words), "pad_token_id": 0, "eos_token_id": 2, "bos_token_id": None}
    AutoModelForCausalLM.from_config(LlamaConfig(**ids, **sizes)).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def test_their_packages_import_public_names_alone(packages: list[Path]) -> None:
    private = [
        one for package in packages for file in package.rglob("*.py") for one in find_private_imports(file)
    ]
    assert private == []


@pytest.mark.slow
def test_one_manifest_runs_all_three(packages: list[Path], tiny_policy: Path, tmp_path: Path) -> None:
    with serve_turns(lambda messages: json.dumps(TOY_TASK)) as address:
        manifest = selfchal.load_manifest(
            {
                "run": {"name": "together"},
                "environment": {"name": "shelf"},
                "model": {"name": "transformers", "path": str(tiny_policy)},
                "challenger": {"name": "openai", "base_url": address, "model": "scripted"},
                "synthesizer": {"name": "asker"},
                "challenge": {"tasks": 1, "proposals": 1},
                "trainer": {"name": "leave_one_out", "steps": 2, "tasks_per_step": 1, "group_size": 4},
                "rollout": {"max_steps": 2, "max_tokens": 8},
                "curriculum": {"validation": 0},
                "evaluation": {"samples": 1},
            },
            ["trainer.validation_samples=0"],
        )
        # The trainer looks for a signal in what an untrained network does, finds none, and says so.
        with pytest.raises(selfchal.TrainingError, match="no update had any signal to learn from"):
            selfchal.run(manifest, tmp_path / "run")
    view = selfchal.open_run(tmp_path / "run")
    (task,) = view.tasks()
    assert task["provenance"]["synthesizer"] == "asker"
    trained = list(view.episodes("train"))
    assert len(trained) >= 4
    assert {row["environment"] for row in trained} == {"shelf"}
