"""The model ``vllm``: its exchange with a server over real HTTP, and, where vLLM is installed, vLLM itself.

CI has no vLLM. There the server is the example's, over the same network as the trainer's, with vLLM's
development endpoints added, so that every request this model makes is answered by something that
really samples and really loads weights.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from selfchal.builtin_models.config import VllmConfig
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.builtin_models.vllm_model import VllmModel
from selfchal.core.errors import ModelError
from selfchal.core.model import Capability, Message, Sampling
from selfchal.core.updating import updating
from tests.builtin_models.conftest import Make, example_server
from tests.builtin_models.talks import go_on, plain_logprobs, prompts
from tests.builtin_models.tiny import write_model

pytestmark = pytest.mark.torch

LORA = {"r": 4, "alpha": 8}
SAMPLING = Sampling(max_tokens=12, seed=3, stop=("End Action",))
PYTHON = os.environ.get("SELFCHAL_VLLM_PYTHON")


class DevServer:
    """The example's server with vLLM's development endpoints; ``commands`` are what it was told."""

    def __init__(self, model: TransformersModel) -> None:
        self.commands: list[tuple[str, Any]] = []
        outer, example = self, example_server()

        class Handler(example.Handler):  # type: ignore[misc, name-defined] # loaded from a file
            def do_POST(self) -> None:
                if self.path in ("/v1/completions", "/v1/chat/completions"):
                    super().do_POST()
                    return
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.commands.append((self.path, body))
                directory = body.get("kwargs", {}).get("weights_path") or body.get("lora_path")
                if directory:
                    model.load(Path(directory))
                self._answer(200, {})

        self.server = example.Server(model, "tiny", handler=Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.commands]


@pytest.fixture(params=[None, LORA], ids=["full", "lora"])
def lora(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def served(make_model: Make, lora: Any) -> Iterator[DevServer]:
    dev = DevServer(make_model("llama", lora=lora))
    yield dev
    dev.server.shutdown()


def connect(served: DevServer, tiny: Path, **options: Any) -> VllmModel:
    return VllmModel(VllmConfig.model_validate({"path": str(tiny), "servers": [served.url], **options}))


def disturb(model: VllmModel) -> None:
    """An update: every trained weight moves."""
    with torch.no_grad():
        for parameter in model.network.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    model.on_weights_updated()


def check_exact(model: VllmModel, talks: list[list[int]], tolerance: float) -> list[tuple[int, ...]]:
    """What vLLM sampled has the log-probabilities that the trained network gives, over two turns."""
    said = model.generate(talks, SAMPLING)
    later = go_on(model, talks, said)  # type: ignore[arg-type] # any model
    for prompt, generation in zip([*talks, *later], [*said, *model.generate(later, SAMPLING)], strict=True):
        expected = plain_logprobs(model, prompt, generation.ids)  # type: ignore[arg-type] # any trainable model
        assert torch.allclose(torch.tensor(generation.logprobs).double(), expected, atol=tolerance)
    return [generation.ids for generation in said]


def test_samples_follow_the_trained_weights(served: DevServer, tiny_path: Any, lora: Any) -> None:
    model = connect(served, tiny_path("llama"), lora=lora)
    talks = prompts(model)  # type: ignore[arg-type] # any model
    before = check_exact(model, talks, 1e-4)
    load = "/v1/load_lora_adapter" if lora else "/collective_rpc"
    assert served.paths == [load, "/reset_prefix_cache"], "what a running server holds is not trusted"
    disturb(model)
    assert served.paths == [load, "/reset_prefix_cache"], "weights travel when they are needed"
    after = check_exact(model, talks, 1e-4)
    assert served.paths == [load, "/reset_prefix_cache"] * 2, "once an update, not once a call"
    assert after != before
    model.close()


def test_a_checkpoint_is_sampled_from_after_loading_it(
    served: DevServer, tiny_path: Any, lora: Any, tmp_path: Path
) -> None:
    model = connect(served, tiny_path("llama"), lora=lora)
    talks, greedy = prompts(model, group=1), Sampling(temperature=0, max_tokens=12)  # type: ignore[arg-type]
    disturb(model)
    before = [generation.ids for generation in model.generate(talks, greedy)]
    model.save(tmp_path / "checkpoint")
    disturb(model)
    assert [generation.ids for generation in model.generate(talks, greedy)] != before
    model.load(tmp_path / "checkpoint")
    assert [generation.ids for generation in model.generate(talks, greedy)] == before
    model.close()


def test_memory_goes_to_and_fro(served: DevServer, tiny_path: Any, lora: Any) -> None:
    model = connect(served, tiny_path("llama"), lora=lora, sleep=True)
    talks = prompts(model, tasks=1)  # type: ignore[arg-type] # any model
    model.generate(talks, SAMPLING)
    served.commands.clear()
    model.generate(talks, SAMPLING)
    assert model.network is model.network
    assert served.paths == [], "nobody but the loop knows when an update begins"
    level, load = (1, "/v1/load_lora_adapter") if lora else (2, "/collective_rpc")
    with updating(model):
        assert served.paths == [f"/sleep?level={level}"]
        with pytest.raises(ModelError, match="being updated"):
            model.generate(talks, SAMPLING)
        disturb(model)
    with updating(model):
        assert served.paths == [f"/sleep?level={level}"], "one that sleeps is not sent to sleep again"
    model.generate(talks, SAMPLING)
    woken = ["/wake_up?tags=weights", load, "/reset_prefix_cache", "/wake_up?tags=kv_cache"]
    assert served.paths == [f"/sleep?level={level}", *woken]
    model.close()


def test_discarded_weights_come_back_though_nothing_changed(
    served: DevServer, tiny_path: Any, lora: Any
) -> None:
    model = connect(served, tiny_path("llama"), lora=lora, sleep=True)
    talks, greedy = prompts(model, tasks=1), Sampling(temperature=0, max_tokens=12)  # type: ignore[arg-type]
    before = [one.ids for one in model.generate(talks, greedy)]
    served.commands.clear()
    with updating(model):
        pass
    assert [one.ids for one in model.generate(talks, greedy)] == before
    assert ("/collective_rpc" in served.paths) == (lora is None)
    model.close()


def test_without_training_nothing_is_held_here(make_model: Make, tiny_path: Any) -> None:
    dev = DevServer(make_model("llama"))
    model = connect(dev, tiny_path("llama"), train=False)
    talk = model.render_prompt([Message("user", "Find 1")])
    assert model.generate([talk], SAMPLING)[0].ids
    assert dev.paths == []
    with pytest.raises(ModelError, match="nothing here to train"):
        _ = model.network
    assert VllmModel.provides(VllmConfig(path="p", train=False)) == frozenset(Capability) - {
        Capability.GRADIENTS
    }
    assert VllmModel.provides(VllmConfig(path="p")) == frozenset(Capability)
    model.close()
    dev.server.shutdown()


HERE, AWAY = "http://127.0.0.1:1", "http://10.0.0.2:8000"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"servers": [HERE], "python": "/usr/bin/python3"}, "leave out python, or servers"),
        ({"servers": [HERE], "engine": {"enforce_eager": True}}, "leave out engine, or servers"),
        ({"servers": [HERE], "gpus": [0], "replicas": 1}, "leave out gpus, replicas, or servers"),
        ({"servers": [HERE, f"{HERE}/v1"]}, "a server is named twice"),
        ({"servers": ["10.0.0.2:8000"]}, "is no address"),
        ({"servers": [AWAY]}, "new weights cannot reach http://10.0.0.2:8000"),
        ({"servers": [AWAY], "sleep": True, "weights_directory": "w"}, "sleep frees a GPU of this machine"),
        ({"sleep": True, "train": False}, "train is false"),
        ({"gpus": [1, 1]}, "a GPU is named twice"),
        ({"gpus": [-1]}, "a number from 0"),
        ({"gpus": [1, 2, 3], "tensor_parallel": 2}, "gpus names 3"),
        ({"gpus": [1, 2], "replicas": 4}, "take 4: name 4"),
        ({"engine": {"tensor-parallel-size": 2}}, "write tensor_parallel"),
        ({"engine": {"trust_remote_code": True}}, "never run"),
        ({"push": "nccl"}, "name gpus"),
        ({"push": "nccl", "gpus": [1], "sleep": True}, "leave out servers, sleep and lora"),
        ({"quantization": "4bit"}, "add lora"),
        ({"pyhton": "x"}, "Extra inputs"),
        ({"server": HERE}, "Extra inputs"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        VllmConfig.model_validate({"path": "p", **options})


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 1),
        ({"replicas": 3}, 3),
        ({"gpus": [4, 5, 6, 7]}, 4),
        ({"gpus": [4, 5, 6, 7], "tensor_parallel": 2}, 2),
        ({"servers": [HERE, "http://127.0.0.1:2"]}, 2),
        ({"servers": [AWAY], "train": False}, 1),
        ({"servers": [AWAY], "weights_directory": "/shared/weights"}, 1),
    ],
)
def test_how_many_servers_options_ask_for(options: dict[str, Any], count: int) -> None:
    assert VllmConfig.model_validate({"path": "p", **options}).server_count == count


@pytest.mark.parametrize(
    ("options", "processes", "shared"),
    [
        ({"gpus": [1, 2]}, "2", "1"),
        ({"gpus": [2, 3]}, "2", ""),
        ({"gpus": [0, 1], "sleep": True}, "2", ""),
        ({"gpus": [0, 1], "train": False}, "2", ""),
        ({"gpus": [0, 1], "device": "cpu"}, "2", ""),
        ({"gpus": [0, 1], "device": "cuda:1"}, None, "1"),
        ({"gpus": [0, 1]}, None, ""),
    ],
)
def test_a_gpu_that_training_runs_on_is_no_servers(
    options: dict[str, Any],
    processes: str | None,
    shared: str,
    tiny_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if processes:
        monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
    config = VllmConfig.model_validate({"path": str(tiny_path("llama")), **options})
    found = VllmModel.find_obstacle(config)
    assert (f"training runs on GPU {shared} itself" in found) if shared else not found


def test_a_python_without_vllm_says_so(tiny_path: Any) -> None:
    path = str(tiny_path("llama"))
    with pytest.raises(ModelError, match=r"setup_vllm_cpu\.sh"):
        VllmModel(VllmConfig(path=path, python="/nowhere/python", train=False))
    with pytest.raises(ModelError, match=r"ended while starting(.|\n)*No module named 'vllm'"):
        VllmModel(VllmConfig(path=path, python=sys.executable, train=False))


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(PYTHON is None, reason="SELFCHAL_VLLM_PYTHON is not set: scripts/setup_vllm_cpu.sh")
def test_vllm_itself_samples_what_is_trained(tmp_path: Path, lora: Any) -> None:
    path = write_model(tmp_path / "model", "wide", scale=2.0)
    model = VllmModel(
        VllmConfig.model_validate(
            {
                "path": str(path), "python": PYTHON, "engine": {"enforce_eager": True}, "context": 256,
                "dtype": "float32", "lora": lora,
            }
        )
    )  # fmt: skip
    try:
        talks = prompts(model)  # type: ignore[arg-type] # any model
        before = check_exact(model, talks, 1e-3)
        disturb(model)
        after = check_exact(model, talks, 1e-3)
        assert after != before
        disturb(model)
        assert check_exact(model, talks, 1e-3) != after
    finally:
        model.close()
