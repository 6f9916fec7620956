"""The model ``vllm``: its exchange with a server over real HTTP, and, where vLLM is installed, vLLM itself.

CI has no vLLM. There the server is the example's, over the same network as the trainer's, with vLLM's
development endpoints added, so that every request this model makes is answered by something that
really samples and really loads weights.
"""

from __future__ import annotations

import json
import os
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
    return VllmModel(VllmConfig.model_validate({"path": str(tiny), "server": served.url, **options}))


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
    assert served.paths == []
    assert model.network is model.network
    assert served.paths == ["/sleep?level=1"]
    model.on_weights_updated()
    model.generate(talks, SAMPLING)
    assert served.paths[:2] == ["/sleep?level=1", "/wake_up"], "awake before new weights come"
    assert len(served.paths) == 4
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


@pytest.mark.parametrize(
    "options",
    [
        {"server": "http://x", "python": "/usr/bin/python3"},
        {"server": "http://x", "engine": {"enforce_eager": True}},
        {"quantization": "4bit"},
        {"pyhton": "x"},
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        VllmConfig.model_validate({"path": "p", **options})


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
