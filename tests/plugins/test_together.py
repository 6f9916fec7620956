"""An environment, a synthesizer and a trainer of other people, written against public names alone, in one run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, LlamaConfig

import selfchal
from selfchal.plugins.scaffold import scaffold
from selfchal.testing.conformance.public_names import find_private_imports
from selfchal.testing.endpoint import serve_turns
from tests.builtin_models.tiny import SIZES, tokenizer

pytestmark = pytest.mark.torch

KINDS = {"environment": "shelf", "synthesizer": "asker", "trainer": "leave_one_out"}
# What the scripted challenger proposes, and what the policy says before training, right or wrong about as often.
TASK = {
    "instruction": "Who has the book Dracula? Answer with the name alone.",
    "evaluate": "def evaluate(answer):\n    return answer == find_book('Dracula')['lent_to']",
    "solution": "result = find_book('Dracula')['lent_to']",
    "failures": [
        "result = find_book('Dracula')['title']",
        "find_book('Emma')\nresult = 'Emma'",
        "lend('Emma', 'Ann')\nresult = find_book('Emma')['lent_to']",
    ],
}
SAID = ("Answer: Mina<|im_end|>", "Answer: Emma<|im_end|>")


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
    """A tiny model on disk that gives one of two answers to whatever it is asked, and knows not which is right."""
    folder, words = tmp_path / "policy", tokenizer()
    sizes = {**SIZES, "num_key_value_heads": 2, "num_hidden_layers": 1, "max_position_embeddings": 4096}
    ids = {"vocab_size": len(words), "pad_token_id": 0, "eos_token_id": 2, "bos_token_id": None}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = AutoModelForCausalLM.from_config(LlamaConfig(**ids, **sizes))
        _speak_as_told(network, words)
    network.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def _speak_as_told(network: Any, words: Any) -> None:
    """After the header of its turn the network says one of ``SAID``, whatever came before."""
    header = words.encode("<|im_end|>\n<|im_start|>assistant\n", add_special_tokens=False)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(120):
        rows = []
        for said in SAID:
            before = torch.randint(3, len(words), (40,)).tolist()
            rows.append((before + header, words.encode(said, add_special_tokens=False)))
        loss = torch.zeros(())
        for before, said in rows:
            ids = torch.tensor([before + said])
            logprobs = network(input_ids=ids).logits[0, len(before) - 1 : -1].log_softmax(-1)  # [n, V]
            loss = loss - logprobs.gather(-1, torch.tensor(said)[:, None]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_their_packages_import_public_names_alone(packages: list[Path]) -> None:
    private = [
        one for package in packages for file in package.rglob("*.py") for one in find_private_imports(file)
    ]
    assert private == []


@pytest.mark.slow
def test_one_manifest_runs_all_three(packages: list[Path], tiny_policy: Path, tmp_path: Path) -> None:
    with serve_turns(lambda messages: json.dumps(TASK)) as address:
        manifest = selfchal.load_manifest(
            {
                "run": {"name": "together"},
                "environment": {"name": "shelf"},
                "model": {"name": "transformers", "path": str(tiny_policy)},
                "challenger": {"name": "openai", "base_url": address, "model": "scripted"},
                "synthesizer": {"name": "asker"},
                "challenge": {"tasks": 1, "proposals": 1},
                "trainer": {"name": "leave_one_out", "steps": 3, "tasks_per_step": 1, "group_size": 24},
                "rollout": {"max_steps": 2, "max_tokens": 16},
                "curriculum": {"validation": 0},
                "evaluation": {"samples": 1},
            },
            ["trainer.validation_samples=0", "trainer.learning_rate=0.001"],
        )
        selfchal.run(manifest, tmp_path / "run")
    view = selfchal.open_run(tmp_path / "run")
    (task,) = view.tasks()
    assert task["provenance"]["synthesizer"] == "asker"
    trained = list(view.episodes("train"))
    assert len(trained) == 3 * 24
    assert {row["environment"] for row in trained} == {"shelf"}
    assert {row["reward"] for row in trained} == {0.0, 1.0}
    updates = [row for row in view.metrics() if row.get("grad_norm", 0) > 0]
    assert len(updates) == 3
    before = load_file(tiny_policy / "model.safetensors")
    (newest,) = sorted((tmp_path / "run").rglob("model.safetensors"))[-1:]
    after = load_file(newest)
    assert any(not torch.equal(after[name], weight) for name, weight in before.items())
    assert updates[-1]["pass_rate"] > updates[0]["pass_rate"]
