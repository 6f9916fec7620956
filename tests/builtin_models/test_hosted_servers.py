"""vLLM servers on the nodes of a Ray cluster: by GPUs that Ray counts, with weights that are sent to them.

The servers are ours (tests/support/vllm_protocol.py); nodes, actors and what they write are real.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from selfchal.builtin_models.config import VllmConfig
from selfchal.builtin_models.vllm_model import VllmModel
from selfchal.core.errors import EngineError, ModelError
from tests.builtin_models.test_fleet import disturb, roll, wait_for
from tests.support.vllm_protocol import read_record, write_python

ray: Any = pytest.importorskip("ray")
from ray.cluster_utils import Cluster  # noqa: E402 — after it is known to be there

from selfchal.builtin_engines.ray_config import RayConfig  # noqa: E402
from selfchal.builtin_engines.ray_engine import RayEngine  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.slow, pytest.mark.timeout(300)]
SMALL: Any = {"object_store_memory": 2**27}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers") / "record.jsonl"


@pytest.fixture(scope="module")
def cluster(record: Path) -> Iterator[Any]:
    """A head without GPUs, and two nodes with two each, as far as Ray knows."""
    env = {"SELFCHAL_PROTOCOL_RECORD": str(record), "SELFCHAL_PROTOCOL_STEP": "0.002"}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **SMALL})
    for _ in range(2):
        made.add_node(num_cpus=1, num_gpus=2, env_vars=env, **SMALL)
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def engine(cluster: Any) -> RayEngine:
    return RayEngine(RayConfig(servers=True, patience=200))


def list_starts(record: Path) -> list[dict[str, Any]]:
    return [row for row in read_record(record) if row["path"] == "start"]


def list_loads(record: Path) -> list[tuple[int, str]]:
    """The ports that weights were loaded at, and where from."""
    rows = [row for row in read_record(record) if row["path"] == "/collective_rpc"]
    return [(row["port"], row["body"]["kwargs"]["weights_path"]) for row in rows]


def find_actor(pid: int) -> int:
    """The process of Ray's that started a server: the first that is called after an actor."""
    while not Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::"):
        pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return pid


def test_servers_live_on_nodes_with_gpus_and_get_the_weights(
    engine: RayEngine, tiny_path: Any, record: Path, tmp_path: Path
) -> None:
    options = {"path": str(tiny_path("llama")), "device": "cpu", "python": str(write_python(tmp_path))}
    config = VllmConfig.model_validate({**options, "replicas": 2, "tensor_parallel": 2})
    with closing(VllmModel.make_hosted(config, engine.reserve)) as model:
        first, second = list_starts(record)
        assert [row["environment"]["CUDA_VISIBLE_DEVICES"] for row in (first, second)] == ["0,1", "0,1"]
        hosts = [member.opened.root for member in model._loaded.samplers.members]
        address = ray.util.get_node_ip_address()
        assert all(root.startswith(f"http://{address}:") for root in hosts)
        assert ray.available_resources().get("GPU", 0) == 0
        disturb(model)
        undisturbed = roll(model)
        loads = list_loads(record)
        assert sorted(port for port, _ in loads) == sorted([first["port"], second["port"]])
        assert len({where for _, where in loads}) == 2  # each server reads what was sent to its node
        assert model._loaded.directory is not None
        assert not any(where.startswith(str(model._loaded.directory)) for _, where in loads)

        os.kill(first["pid"], signal.SIGKILL)  # the server alone
        assert roll(model) == undisturbed
        wait_for(lambda: len(list_starts(record)) == 3, "the server was not started again")
        assert roll(model) == undisturbed

        os.kill(find_actor(second["pid"]), signal.SIGKILL)  # the actor
        wait_for(lambda: not Path(f"/proc/{second['pid']}").exists(), "the server outlived its actor")
        assert roll(model) == undisturbed
        wait_for(lambda: len(list_starts(record)) == 4, "the actor was not made again")
        wait_for(
            lambda: roll(model) == undisturbed and len(list_loads(record)) == 4,  # each before it was asked
            "the new server was not given the weights",
        )
    wait_for(lambda: ray.available_resources().get("GPU", 0) == 4, "the GPUs were not given back")


def test_a_model_that_no_node_has_is_sent(
    engine: RayEngine, tiny_path: Any, record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from selfchal.builtin_models import hosted_server

    monkeypatch.setattr(hosted_server, "list_files", _list_as_if_elsewhere)
    options = {"path": str(tiny_path("llama")), "device": "cpu", "python": str(write_python(tmp_path))}
    before = len(list_starts(record))
    config = VllmConfig.model_validate({**options, "train": False})
    with closing(VllmModel.make_hosted(config, engine.reserve)) as model:
        assert len(roll(model, 2)) == 2
    arguments = list_starts(record)[before]["arguments"]
    sent = arguments[arguments.index("--model") + 1]
    assert sent != options["path"]
    assert not Path(sent).exists()  # it went with the server


def _list_as_if_elsewhere(directory: Path) -> Any:
    """Times of change that no node's copy has."""
    return tuple((path.name, path.stat().st_size, 0) for path in sorted(directory.iterdir()))


@pytest.mark.parametrize("wrong", [{"gpus": [0, 1]}, {"sleep": True}])
def test_options_of_servers_here_are_refused(engine: RayEngine, tiny_path: Any, wrong: Any) -> None:
    config = VllmConfig.model_validate({"path": str(tiny_path("llama")), "device": "cpu", **wrong})
    with pytest.raises(ModelError, match=f"{next(iter(wrong))} belong to servers of this machine"):
        VllmModel.make_hosted(config, engine.reserve)


def test_no_room_is_told_within_the_patience(cluster: Any, tiny_path: Any) -> None:
    engine = RayEngine(RayConfig(servers=True, patience=2))
    config = VllmConfig.model_validate(
        {"path": str(tiny_path("llama")), "device": "cpu", "tensor_parallel": 3}
    )
    with pytest.raises(EngineError, match="no room for 1 times 3 GPUs within 2 s"):
        VllmModel.make_hosted(config, engine.reserve)
