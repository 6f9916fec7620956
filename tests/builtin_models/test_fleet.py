"""A fleet of servers: processes that are killed, servers that come back, conversations that stay where they are.

The servers are ours (tests/support/vllm_protocol.py): real processes and sockets, ids that follow from seed,
prompt and weights.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from selfchal.builtin_models import fleet as fleets
from selfchal.builtin_models import vllm_process
from selfchal.builtin_models.config import VllmConfig
from selfchal.builtin_models.vllm_model import VllmModel
from selfchal.core.episode import End, SceneResult
from selfchal.core.errors import ModelError
from selfchal.core.model import Message, Sampling
from selfchal.core.updating import updating
from selfchal.rollout.rollout import Rollout
from tests.builtin_models.tiny import write_model
from tests.patience import SOON
from tests.support.vllm_protocol import ClockSampler, Server, read_record, write_python

pytestmark = pytest.mark.torch

PYTHON = os.environ.get("SELFCHAL_VLLM_PYTHON")
SAMPLING = Sampling(max_tokens=32, seed=5)
TEXT = "/v1/completions"


class Turns:
    """A scene of several turns."""

    def __init__(self, name: str, turns: int = 4) -> None:
        self.name, self.environment, self.left = name, "turns", turns

    def start(self) -> Sequence[Message]:
        return [Message("user", f"Find {self.name}")]

    def step(self, text: str) -> Message | None:
        self.left -= 1
        return Message("user", f"Observation: {len(text)}") if self.left else None

    def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
        return SceneResult(cut or End.ANSWER)


def roll(model: Any, scenes: int = 12) -> list[Any]:
    """The ids, masks and ends of so many episodes."""
    played = Rollout(model, SAMPLING).roll([Turns(str(number % 4)) for number in range(scenes)])
    return [(episode.ids, episode.mask, episode.end) for episode in played]


def wait_for(happened: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + SOON
    while not happened():
        assert time.monotonic() < until, what
        time.sleep(0.01)


def disturb(model: Any) -> None:
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.add_(0.01)
    model.on_weights_updated()


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SELFCHAL_PROTOCOL_RECORD", str(tmp_path / "record.jsonl"))
    monkeypatch.setenv("SELFCHAL_PROTOCOL_STEP", "0.002")
    return tmp_path / "record.jsonl"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers in this process, which all write one record."""
    running: list[Server] = []

    def start(port: int = 0, step: float = 0.0) -> Server:
        server = Server(ClockSampler(rows=64, step=step), port, tmp_path / "record.jsonl")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.end()


def address_of(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def open_model(tiny_path: Any, **options: Any) -> VllmModel:
    given = {"path": str(tiny_path("llama")), "device": "cpu", "train": False, **options}
    return VllmModel(VllmConfig.model_validate(given))


@pytest.mark.slow
def test_a_server_that_is_killed_costs_no_episode(tiny_path: Any, record: Path, tmp_path: Path) -> None:
    model = open_model(tiny_path, train=True, python=str(write_python(tmp_path)), replicas=2)
    try:
        disturb(model)
        undisturbed = roll(model)
        rows = read_record(record)
        first, second = [row for row in rows if row["path"] == "start"]
        before = len(rows)

        def kill() -> None:
            wait_for(lambda: len(read_record(record)) > before + 10, "no request came")
            os.kill(first["pid"], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        assert roll(model) == undisturbed
        killer.join()
        wait_for(lambda: len(list_paths(record)) == 3, "the server was not started again")
        assert roll(model) == undisturbed
        (third,) = list_paths(record).keys() - {first["port"], second["port"]}
        assert list_paths(record)[third][:3] == ["start", "/collective_rpc", "/reset_prefix_cache"]
        assert TEXT in list_paths(record)[third], "it is asked again"
    finally:
        model.close()
    for row in read_record(record):
        if row["path"] == "start":
            with pytest.raises(ProcessLookupError):
                os.kill(row["pid"], 0)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(PYTHON is None, reason="SELFCHAL_VLLM_PYTHON is not set: scripts/setup_vllm_cpu.sh")
def test_vllm_itself_that_is_killed_costs_no_episode(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model", "wide", scale=2.0)
    options = {"path": str(path), "python": PYTHON, "engine": {"enforce_eager": True}, "dtype": "float32"}
    model = VllmModel(VllmConfig.model_validate({**options, "context": 256, "replicas": 2}))
    fleet = model._loaded.samplers
    try:
        disturb(model)
        undisturbed = roll(model)
        process: Any = fleet.members[0].origin

        def kill() -> None:
            wait_for(lambda: fleet.members[0].load > 2, "no request came")
            os.killpg(process._process.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        assert roll(model) == undisturbed
        killer.join()
        assert fleet.lost >= 1
        while fleet.members[0].state is fleets.State.DOWN:
            time.sleep(0.5)
        assert roll(model) == undisturbed
        assert fleet.members[0].version == 1
    finally:
        model.close()


def list_paths(record: Path) -> dict[int, list[str]]:
    """What each server was asked, by port."""
    asked = defaultdict(list)
    for row in read_record(record):
        asked[row["port"]].append(row["path"])
    return asked


def test_a_server_that_comes_back_gets_the_weights_first(
    tiny_path: Any, serve: Callable[..., Server], tmp_path: Path
) -> None:
    one, other = serve(), serve()
    model = open_model(tiny_path, train=True, servers=[address_of(one), address_of(other)])
    disturb(model)
    undisturbed = roll(model)
    port = one.server_address[1]
    one.end()
    assert roll(model) == undisturbed, "the other one says what it would have said"
    (tmp_path / "record.jsonl").unlink()
    serve(port)  # with the weights that it was started with
    voice = model._loaded.fleet
    assert voice is not None
    wait_for(lambda: voice.members[0].state is fleets.State.UP, "it was not found again")
    assert roll(model) == undisturbed
    asked = [path for path in list_paths(tmp_path / "record.jsonl")[port] if path != "/reset_prefix_cache"]
    assert asked[:2] == ["/collective_rpc", TEXT]
    model.close()


def test_servers_of_their_own_sample_on_during_an_update(
    tiny_path: Any, serve: Callable[..., Server], tmp_path: Path
) -> None:
    """With the weights of before, of which nothing is sent that an update has half changed."""
    model = open_model(tiny_path, train=True, servers=[address_of(serve())])
    talk = [model.render_prompt([Message("user", "Find it")])]
    before = model.generate(talk, SAMPLING)
    disturb(model)
    pushes = [row for row in read_record(tmp_path / "record.jsonl") if row["path"] == "/collective_rpc"]
    with updating(model):
        sent = [row for row in read_record(tmp_path / "record.jsonl") if row["path"] == "/collective_rpc"]
        assert len(sent) == len(pushes) + 1, "what the update before it made is sent first"
        now = model.generate(talk, SAMPLING)
        assert (now[0].weights_version, now != before) == (1, True)
        with torch.no_grad():
            next(model.network.parameters()).add_(1.0)
        assert model.generate(talk, SAMPLING) == now
        model.on_weights_updated()
    after = model.generate(talk, SAMPLING)
    assert (after[0].weights_version, after != now) == (2, True)
    model.close()


def test_what_servers_did_is_measured(tiny_path: Any, serve: Callable[..., Server]) -> None:
    servers = [serve(step=0.001), serve(step=0.001)]
    model = open_model(tiny_path, servers=list(map(address_of, servers)))
    episodes = Rollout(model, SAMPLING).roll([Turns(str(number)) for number in range(6)])
    first = model.measure_sampling()
    assert first["sampled_tokens"] == sum(sum(episode.mask) for episode in episodes)
    assert 0 < first["rows_generating"] < 3
    assert first["sampled_tokens_per_second"] > 0
    assert (first["servers_lost"], "prefix_found" in first) == (0, False)
    nothing = model.measure_sampling()
    assert nothing == {"sampled_tokens": 0, "servers_lost": 0}
    servers[0].end()
    again = Rollout(model, SAMPLING).roll([Turns(str(number)) for number in range(6)])
    later = model.measure_sampling()
    assert later["sampled_tokens"] == sum(sum(episode.mask) for episode in again)
    assert later["servers_lost"] == 1
    model.close()


def test_conversations_stay_where_their_beginning_is(
    tiny_path: Any, serve: Callable[..., Server], tmp_path: Path
) -> None:
    servers = [serve(step=0.002), serve(step=0.002)]
    model = open_model(tiny_path, servers=list(map(address_of, servers)))
    stream = model.stream(SAMPLING)
    said: dict[int, list[int]] = defaultdict(list)
    prompts = {key: model.render_prompt([Message("user", f"Find {key}")]) for key in range(8)}
    for _ in range(3):
        for key, prompt in prompts.items():
            stream.join(key, prompt)
        ended = 0
        while ended < len(prompts):
            for key, generation in stream.advance():
                said[key].append(generation.ids)  # type: ignore[arg-type]
                prompts[key] = [*prompts[key], *generation.ids]
                ended += 1
                assert generation.weights_version == 0
    assert stream.advance() == []
    by_port = [len(paths) for paths in list_paths(tmp_path / "record.jsonl").values()]
    assert by_port == [12, 12], "four conversations of three turns each"
    model.close()


def test_samples_of_one_task_share_a_server_until_it_is_full(
    tiny_path: Any, serve: Callable[..., Server], tmp_path: Path
) -> None:
    servers = [serve(step=0.01), serve(step=0.01)]
    model = open_model(tiny_path, servers=list(map(address_of, servers)))
    stream = model.stream(SAMPLING)
    prompt = model.render_prompt([Message("user", "Find it")])
    for key in range(fleets.SLACK + 1):
        stream.join(key, prompt)
    wait_for(lambda: len(list_requests(tmp_path)) == fleets.SLACK + 1, "requests are missing")
    assert len({row["port"] for row in list_requests(tmp_path)}) == 1
    for key in range(fleets.SLACK + 1, 40):
        stream.join(key, prompt)
    wait_for(lambda: len(list_requests(tmp_path)) == 40, "requests are missing")
    ports = [row["port"] for row in list_requests(tmp_path)]
    assert min(ports.count(port) for port in set(ports)) > 8
    model.close()


def list_requests(tmp_path: Path) -> list[Any]:
    record = tmp_path / "record.jsonl"
    return [row for row in read_record(record) if row["path"] == TEXT] if record.exists() else []


def test_the_weights_below_an_adapter_are_asked_of_the_same_servers(
    tiny_path: Any, serve: Callable[..., Server], tmp_path: Path
) -> None:
    options = {"train": True, "servers": [address_of(serve())]}
    model = open_model(tiny_path, lora={"r": 4, "alpha": 8}, **options)
    start = model.starting_model()
    assert start is not None
    talk = model.render_prompt([Message("user", "Find it")])
    assert start.render_prompt([Message("user", "Find it")]) == talk
    said = [one.generate([talk], SAMPLING)[0] for one in (start, model)]
    assert [row["model"] for row in list_requests(tmp_path)] == ["base", "selfchal"]
    assert said[0].ids != said[1].ids
    model.close()
    whole = open_model(tiny_path, **options)
    assert whole.starting_model() is None
    whole.close()


def test_the_last_server_that_is_lost_is_said(
    tiny_path: Any, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    model = open_model(tiny_path, servers=[address_of(server)])
    prompt = model.render_prompt([Message("user", "Find it")])
    assert model.generate([prompt], SAMPLING)[0].ids
    monkeypatch.setattr(vllm_process, "START_SECONDS", 0.5)
    server.end()
    with pytest.raises(ModelError, match=r"no vLLM server is left to sample with: .* was not up after"):
        model.generate([prompt], SAMPLING)
    model.close()


def test_a_server_that_fails_again_and_again_is_given_up(
    tiny_path: Any, serve: Callable[..., Server]
) -> None:
    server = serve()
    model = open_model(tiny_path, servers=[address_of(server)])
    server.lost_weights = True  # it answers with status 500, and its list of models as if nothing were wrong
    with pytest.raises(ModelError, match=r"no vLLM server is left to sample with: .*status 500"):
        model.generate([model.render_prompt([Message("user", "Find it")])], SAMPLING)
    model.close()


def test_a_server_sees_its_gpus_and_nothing_of_the_launcher(
    tiny_path: Any, record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "x", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b,GPU-c,GPU-d")
    options = {"python": str(write_python(tmp_path)), "tensor_parallel": 2, "gpus": [0, 1, 2, 3]}
    model = open_model(tiny_path, **options)
    model.close()
    started = sorted(
        (row for row in read_record(record)), key=lambda row: row["environment"]["CUDA_VISIBLE_DEVICES"]
    )
    assert [row["environment"] for row in started] == [
        {"CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"},
        {"CUDA_VISIBLE_DEVICES": "GPU-c,GPU-d"},
    ]
    assert all("--tensor-parallel-size 2" in " ".join(row["arguments"]) for row in started)
    with pytest.raises(ModelError, match="there is no GPU 7 here"):
        open_model(tiny_path, python=options["python"], gpus=[7])
