"""What only a GPU can show runs here as far as it can: who may take which share, and what NCCL is told.

The GPU and vLLM's weight transfer are stand-ins; nothing here says that a GPU does what they do.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from selfchal.builtin_models import loading
from selfchal.builtin_models.config import VllmConfig
from selfchal.builtin_models.vllm_model import VllmModel
from selfchal.builtin_models.vllm_options import SHARE, limit_share, list_origins, make_options
from selfchal.builtin_models.vllm_process import ServerProcess
from selfchal.builtin_models.weight_push import OverNccl
from selfchal.core.errors import ModelError
from selfchal.core.updating import updating

pytestmark = pytest.mark.torch

GB = 2**30
BILLION = 1_000_000_000


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU of 80 GiB, of which nothing is asked but its size and its name."""
    monkeypatch.setattr(loading, "pick_device", lambda device: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "card")
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=80 * GB)
    )


def make_config(**options: Any) -> VllmConfig:
    return VllmConfig.model_validate({"path": "p", **options})


def network_of(frozen: int, trained: int) -> Any:
    """So many parameters in bfloat16, in memory that nobody asks for."""
    with torch.device("meta"):
        weights = [
            torch.nn.Parameter(torch.empty(count, dtype=torch.bfloat16), requires_grad=learns)
            for count, learns in ((frozen, False), (trained, True))
        ]
    return SimpleNamespace(device=torch.device("cuda"), parameters=lambda: iter(weights))


@pytest.mark.parametrize(
    ("frozen", "trained", "share"),
    [
        (0, BILLION, 0.95 - (14 * BILLION + 2 * GB) / (80 * GB)),
        (8 * BILLION, BILLION // 10, 0.95 - (16.2 * BILLION + 1.2 * BILLION + 2 * GB) / (80 * GB)),
    ],
    ids=["all of a billion", "adapters on eight"],
)
def test_a_server_leaves_a_training_what_it_keeps(
    one_gpu: None, frozen: int, trained: int, share: float
) -> None:
    process = ServerProcess(None, "p", {})
    limit_share([process], make_config(sleep=True), network_of(frozen, trained))
    assert process.options[SHARE] == pytest.approx(share, abs=0.005)
    given = ServerProcess(None, "p", {SHARE: 0.4})
    limit_share([given], make_config(sleep=True, engine={SHARE: 0.4}), network_of(frozen, trained))
    assert given.options == {SHARE: 0.4}


def test_what_does_not_fit_beside_a_training_is_refused(one_gpu: None) -> None:
    with pytest.raises(ModelError, match=r"keeps 104 GiB of a GPU of 80.*lora.*gpus"):
        limit_share([], make_config(sleep=True), network_of(0, 8 * BILLION))


def test_a_server_does_not_take_the_gpu_that_trains(one_gpu: None) -> None:
    with pytest.raises(ModelError, match=r"gpus: \[1\].*sleep: true"):
        list_origins(make_config(), "p")
    for options in ({"sleep": True}, {"gpus": [1]}, {"train": False}, {"engine": {SHARE: 0.3}}):
        assert len(list_origins(make_config(**options), "p")) == 1


def test_what_torch_keeps_of_an_update_is_given_back(tiny_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the process that leads and in those that follow, whose GPUs servers may share too."""
    emptied: list[bool] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
    for sleep in (True, False):
        config = VllmConfig(path=str(tiny_path("llama")), device="cpu", sleep=sleep)
        loaded = VllmModel.make_follower(config)._loaded
        loaded.network = SimpleNamespace(device=torch.device("cuda"))
        with updating(loaded):
            assert not emptied
        assert emptied == [True] * sleep
        emptied.clear()
        loaded.close()


def test_options_of_a_server(one_gpu: None) -> None:
    config = make_config(
        gpus=[1, 2], tensor_parallel=2, context=4096, push="nccl", engine={"max_num_seqs": 64}
    )
    assert make_options(config) == {
        "dtype": "bfloat16",
        "enable_prefix_caching": True,
        "trust_remote_code": False,
        "max_model_len": 4096,
        "tensor_parallel_size": 2,
        "weight_transfer_config": {"backend": "nccl"},
        "max_num_seqs": 64,
    }
    asleep = make_options(make_config(sleep=True, lora={"r": 12}))
    assert asleep["enable_sleep_mode"] is True
    assert (asleep["enable_lora"], asleep["max_lora_rank"]) == (True, 16)


@pytest.fixture
def transfers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a stand-in for vLLM's weight transfer was told, as the documentation of 0.29 to 0.33 has it."""
    calls: list[Any] = []

    class Factory:
        @staticmethod
        def trainer_init(*, init_info: Any, client: str, source: Any) -> Any:
            calls.append(("join", client, init_info["world_size"], init_info["rank"], source))
            return SimpleNamespace(send_weights=lambda: calls.append(("send", client)))

    transfer: Any = ModuleType("vllm.distributed.weight_transfer")
    transfer.HTTPVLLMWeightSyncClient = lambda url: url
    transfer.ModuleSource = lambda network: network
    transfer.WeightTransferTrainerFactory = Factory
    nccl: Any = ModuleType("vllm.distributed.weight_transfer.nccl_engine")
    nccl.NCCLTrainerInitInfo = dict
    for name in ("vllm", "vllm.distributed"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, transfer.__name__, transfer)
    monkeypatch.setitem(sys.modules, nccl.__name__, nccl)
    return calls


class Faced:
    """As much of a server as a transfer touches."""

    def __init__(self, root: str) -> None:
        self.root, self.emptied = root, 0

    def reset_cache(self) -> None:
        self.emptied += 1


def test_each_server_is_a_group_of_its_own_with_the_trainer(transfers: list[Any]) -> None:
    first, second = Faced("http://127.0.0.1:1"), Faced("http://127.0.0.1:2")
    push = OverNccl(network="weights", workers=2)
    for server in (first, second, first):
        push.send(server)  # type: ignore[arg-type]
    assert transfers == [
        ("join", first.root, 3, 0, "weights"),
        ("send", first.root),
        ("join", second.root, 3, 0, "weights"),
        ("send", second.root),
        ("send", first.root),
    ]
    assert (first.emptied, second.emptied) == (2, 1)
