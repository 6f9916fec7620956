"""``rollout.staleness``: a run that rolls out during its updates, and where that is refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import selfchal
from selfchal.core.episode import Episode
from selfchal.core.errors import ManifestError, TrainingError
from selfchal.pipeline.store import Store
from tests.benchmarks.loading import load_benchmark

SEEDLING = {"name": "seedling"}
GRPO = {"name": "grpo", "steps": 6}
SERVERS = {"name": "vllm", "path": "org/name", "device": "cpu", "servers": ["http://127.0.0.1:1"]}


def make_manifest(model: dict[str, Any], trainer: dict[str, Any] | None, **rollout: Any) -> dict[str, Any]:
    rows: dict[str, Any] = {"environment": {"name": "calculation"}, "model": model}
    rows |= {"trainer": trainer} if trainer else {}
    return {**rows, "rollout": {"staleness": 1, **rollout}}


@pytest.mark.parametrize(
    ("model", "trainer", "said"),
    [
        (SEEDLING, None, "rollout.staleness is about the updates of a trainer"),
        (SEEDLING, {"name": "rft"}, "trainer 'rft' does not roll out and update at the same time"),
        (
            SEEDLING,
            {**GRPO, "importance_cap": None},
            "trainer 'grpo': importance_cap: null leaves uncorrected",
        ),
        ({**SERVERS, "servers": [], "sleep": True}, GRPO, "model 'vllm' sleep: true has the servers asleep"),
    ],
)
def test_where_both_cannot_go_on_at_once_it_is_said(model: Any, trainer: Any, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        selfchal.load_manifest(make_manifest(model, trainer))


def test_a_gpu_that_samples_and_trains_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from selfchal.builtin_models import devices

    monkeypatch.setattr(devices, "_find_missing_gpu", lambda: "")
    one = {"name": "transformers", "path": "org/name"}
    with pytest.raises(ManifestError, match="samples on the GPU that trains"):
        selfchal.load_manifest(make_manifest(one, GRPO))
    same = {"name": "vllm", "path": "org/name"}
    with pytest.raises(ManifestError, match="starts its servers on the GPU that trains"):
        selfchal.load_manifest(make_manifest(same, GRPO))
    hosted = {**make_manifest({**same, "python": "p"}, GRPO), "engine": {"name": "ray", "servers": True}}
    assert selfchal.load_manifest(hosted).settings.rollout.staleness == 1
    with pytest.raises(ManifestError, match="samples on the GPU that trains"):
        selfchal.load_manifest({**hosted, "model": one})
    with pytest.raises(ManifestError, match="sleep: true has the servers asleep"):
        selfchal.load_manifest({**hosted, "model": {**hosted["model"], "sleep": True}})


@pytest.mark.parametrize("model", [SEEDLING, SERVERS, {**SERVERS, "servers": [], "gpus": [1], "python": "p"}])
def test_where_they_can_it_is_accepted(model: dict[str, Any]) -> None:
    manifest = selfchal.load_manifest(make_manifest(model, {"name": "ppo"}, staleness=3))
    assert manifest.settings.rollout.staleness == 3


def test_several_processes_need_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "x"), ("MASTER_PORT", "1")):
        monkeypatch.setenv(name, value)
    with pytest.raises(ManifestError, match="samples in the first process"):
        selfchal.load_manifest(make_manifest(SEEDLING, GRPO))
    assert selfchal.load_manifest(make_manifest(SERVERS, GRPO))


def write_run(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    rows = list(load_benchmark("natural_tasks").read_tasks("calculation"))[:4]
    lines = [json.dumps({**row, "environment": "calculation"}) for row in rows]
    (folder / "tasks.jsonl").write_text("\n".join(lines), encoding="utf-8")
    trainer = {"steps": 5, "tasks_per_step": 2, "group_size": 2, "checkpoint_every": 2, "resample": 0}
    return {
        **make_manifest(SEEDLING, {"name": "grpo", **trainer}, max_steps=2, max_tokens=12),
        "tasks": {"from": str(folder / "tasks.jsonl")},
        "curriculum": {"validation": 0.25},
        "evaluation": {"samples": 1, "tasks": 1, "baselines": False},
    }


def toss(episodes: Sequence[Episode]) -> None:
    for episode in episodes:
        episode.reward = float(episode.sample % 2)


def read_weights(folder: Path) -> bytes:
    [file] = (folder / "run" / "checkpoints" / "round_1" / "final").glob("*.safetensors")
    return file.read_bytes()


@pytest.mark.torch
@pytest.mark.slow
def test_stopped_by_an_error_and_resumed_it_ends_in_the_same_weights(tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    selfchal.run(write_run(whole), whole / "run", rewrite=toss)
    with Store.read(whole / "run") as store:
        rows = [row for row in store.metrics() if row["stage"] == "train 1"]
        episodes = list(store.episodes("train"))
    assert [row["staleness"] for row in rows] == [0, 1, 1, 1, 1]
    assert {episode.weights_version for episode in episodes} >= {0, 1, 2, 3}
    seen = 0

    def fail(batch: Sequence[Episode]) -> None:
        nonlocal seen
        toss(batch)
        seen += threading.current_thread() is not threading.main_thread()
        if seen == 4:
            raise TrainingError("the fourth batch cannot be had")

    manifest = write_run(stopped)
    with pytest.raises(TrainingError, match="the fourth batch"):
        selfchal.run(manifest, stopped / "run", rewrite=fail)
    assert not [one for one in threading.enumerate() if one.name.startswith("rollouts")]
    selfchal.run(manifest, stopped / "run", rewrite=toss, resume=True)
    assert read_weights(stopped) == read_weights(whole)
    with Store.read(stopped / "run") as store:
        again = list(store.episodes("train"))
    assert [(one.ids, one.weights_version) for one in again] == [
        (one.ids, one.weights_version) for one in episodes
    ]
