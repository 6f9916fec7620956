"""Two gloo processes train as one does, replicated and sharded, and either goes on where the other stopped."""

from __future__ import annotations

import copy
import os
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import multiprocessing
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

from selfchal.builtin_trainers import chunked, offline
from selfchal.builtin_trainers.plugin import Dpo, Grpo, Kto, Ppo, Rft
from tests.builtin_trainers import toy

pytestmark = [pytest.mark.torch, pytest.mark.slow]

ON_POLICY = {
    "steps": 4,
    "group_size": 8,
    "epochs": 2,
    "kl": 0.05,
    "learning_rate": 1e-3,
    "micro_batch_tokens": 50,
}
OFFLINE = {"steps": 4, "group_size": 16, "batch_size": 4, "learning_rate": 1e-3, "micro_batch_tokens": 20}
HALF = 2  # updates before the checkpoint that is gone on from


@dataclass(frozen=True)
class Case:
    """A training from the same random weights. ``adapted``: with LoRA; ``off_policy``: another model's episodes."""

    trainer: Any
    options: dict[str, Any]
    parallel: str = "shard"
    dtype: torch.dtype = torch.float32
    adapted: bool = False
    off_policy: bool = False
    recomputes: bool = False  # activations
    chunk: int = chunked.CHUNK_LOGITS  # in the two processes; one makes logits whole
    more: dict[str, Any] = field(default_factory=dict)


CASES = {
    "grpo": Case(Grpo, ON_POLICY),
    "grpo replicated": Case(Grpo, ON_POLICY, parallel="replicate"),
    "grpo with LoRA": Case(Grpo, ON_POLICY, adapted=True),
    "grpo offloaded": Case(Grpo, ON_POLICY, more={"offload": True}),
    "ppo": Case(Ppo, ON_POLICY),
    "ppo replicated": Case(Ppo, ON_POLICY, parallel="replicate"),
    "rft": Case(Rft, OFFLINE),
    "distillation": Case(Rft, {**OFFLINE, "keep": "all"}, off_policy=True),
    "dpo": Case(Dpo, OFFLINE),
    "kto": Case(Kto, OFFLINE),
    "grpo recomputing": Case(Grpo, ON_POLICY, recomputes=True),
    "grpo packed": Case(Grpo, ON_POLICY, more={"packing": True}),
    "grpo in chunks": Case(Grpo, ON_POLICY, chunk=3 * toy.VOCABULARY),
    "dpo in chunks": Case(Dpo, OFFLINE, chunk=3 * toy.VOCABULARY),
    "bfloat16": Case(Grpo, ON_POLICY, dtype=torch.bfloat16, chunk=3 * toy.VOCABULARY),
    "bfloat16 with LoRA": Case(Grpo, ON_POLICY, dtype=torch.bfloat16, adapted=True),
}
EXACT = [name for name in CASES if "bfloat16" not in name]


def make_network(case: Case, seed: int) -> Any:
    network = toy.tiny_llama(seed=seed, tie_word_embeddings=case.trainer is Dpo).to(case.dtype)
    if case.recomputes:
        network.gradient_checkpointing_enable({"use_reentrant": False})
    if not case.adapted:
        return network
    import peft

    settings = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    return peft.get_peft_model(network, settings).eval()


def run(
    case: Case, files: Path, seed: int = 0, kept: Any = (), parallel: str | None = None
) -> dict[str, Any]:
    """Train from random weights of ``seed``, or from what was ``kept``, with ``files``; the leader's report."""
    model = toy.ToyModel(make_network(case, seed))
    progress = toy.ToyProgress(model, list(kept), directory=files)
    options = {**case.options, **case.more, "parallel": parallel or case.parallel, "checkpoint_every": HALF}
    if parallel == "replicate":
        options.pop("offload", None)
    given = toy.training(model, progress, validation=2)
    given = replace(given, off_policy=case.off_policy)
    # The toy speaks no text that could be put into other tokens, and the teacher's are its own.
    with patch.object(offline, "in_own_tokens", lambda _, episode: episode):
        case.trainer(case.trainer.Config(**options)).train(given)
    return {
        "logged": progress.logged,
        "kept": progress.kept,
        "weights": copy.deepcopy(model.network.state_dict()),
    }


def member(rank: int, port: int, out: Path) -> None:
    """One process, in which all cases run; the follower begins with other weights and must not mind."""
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    reports = {}
    for name, case in CASES.items():
        with patch.object(chunked, "CHUNK_LOGITS", case.chunk):
            whole = run(case, out / name, seed=5 * rank)
            resumed = run(case, out / name, seed=5 * rank, kept=whole["kept"][:1])
        reports[name] = whole, resumed
    if rank == 0:
        torch.save(reports, out / "reports.pt")
    torch.distributed.barrier()


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def reports(out: Path) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """By case: a training in two processes, and one that goes on from its first checkpoint."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.start_processes(member, (port, out), nprocs=2, start_method="spawn")
    found: dict[str, tuple[dict[str, Any], dict[str, Any]]] = torch.load(out / "reports.pt")
    return found


def look_alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert [step for step, _ in one["logged"]] == [step for step, _ in other["logged"]]
    for (_, ours), (_, theirs) in zip(one["logged"], other["logged"], strict=True):
        assert ours.keys() == theirs.keys()
        for key in {"loss", "grad_norm", "entropy", "kl", "reward", "margin", "drift"} & ours.keys():
            assert theirs[key] == pytest.approx(ours[key], rel=1e-5, abs=1e-5), key
    for weight, value in one["weights"].items():
        torch.testing.assert_close(other["weights"][weight], value, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("name", EXACT)
def test_two_processes_train_as_one(name: str, reports: Any, out: Path) -> None:
    look_alike(run(CASES[name], out, parallel="replicate"), reports[name][0])


@pytest.mark.parametrize("name", CASES)
def test_two_processes_go_on_bit_for_bit(name: str, reports: Any) -> None:
    whole, resumed = reports[name]
    assert [step for step, _ in resumed["logged"]] == [3, 4]
    assert [m["loss"] for _, m in resumed["logged"]] == [m["loss"] for _, m in whole["logged"][HALF:]]
    for weight, value in whole["weights"].items():
        assert torch.equal(resumed["weights"][weight], value), weight


@pytest.mark.parametrize("name", EXACT)
def test_one_process_goes_on_where_two_stopped(name: str, reports: Any, out: Path) -> None:
    whole, _ = reports[name]
    alone = run(CASES[name], out / name, kept=whole["kept"][:1], parallel="replicate")
    look_alike({**whole, "logged": whole["logged"][HALF:]}, alone)


@pytest.mark.parametrize("name", ["bfloat16", "bfloat16 with LoRA"])
def test_in_bfloat16_the_steps_are_made_in_float32(name: str, reports: Any, out: Path) -> None:
    """Losses are near those of one process, which rounds elsewhere, and the masters hold what bfloat16 cannot."""
    whole, _ = reports[name]
    one = run(CASES[name], out, parallel="replicate")
    for (_, ours), (_, theirs) in zip(one["logged"], whole["logged"], strict=True):
        assert theirs["loss"] == pytest.approx(ours["loss"], abs=0.05)
    if CASES[name].adapted:  # peft keeps adapters in float32 itself
        return
    dcp_to_torch_save(out / name / f"step_{HALF}", out / "whole.pt")
    saved = torch.load(out / "whole.pt")
    masters = {name: value for name, value in saved.items() if name.startswith("master.")}
    assert masters
    assert all(value.dtype == torch.float32 for value in masters.values())
    assert any(not torch.equal(value, value.bfloat16().float()) for value in masters.values())
