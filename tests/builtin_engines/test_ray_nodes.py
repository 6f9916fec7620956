"""The nodes of a Ray cluster that come and go: one that fails the canaries, one that joins late, what they print."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import selfchal
from selfchal.core.errors import EngineError
from selfchal.pipeline.manifest.choices import Choice
from selfchal.pipeline.store import Store
from selfchal.sandbox.process.sandbox import ProcessConfig
from selfchal.testing.conformance.engine_game import list_orders, open_game
from tests.builtin_engines.leaky_sandbox import GREETING, MARK, LeakySandbox

ray: Any = pytest.importorskip("ray")
from ray.cluster_utils import Cluster  # noqa: E402 — after it is known to be there

from selfchal.builtin_engines.ray_engine import RayEngine  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SMALL: Any = {"object_store_memory": 2**27}


class LeakyEngine(RayEngine):
    """Its workers have the sandbox that does not hold everywhere."""

    def open(self, here: Any, spec: Any, ask: Any) -> None:
        super().open(here, replace(spec, sandbox=Choice("leaky", LeakySandbox, ProcessConfig())), ask)


def count_workers() -> dict[str, int]:
    """By node."""
    actors = ray._private.state.actors().values()
    return Counter(one["Address"]["NodeID"] for one in actors if one["State"] == "ALIVE")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without CPUs for work; each test adds the nodes that it needs, and takes them away."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **SMALL})
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def nodes(cluster: Any) -> Iterator[Any]:
    """Adds nodes, and removes them after the test."""
    added: list[Any] = []

    def add(**options: Any) -> Any:
        added.append(cluster.add_node(num_cpus=1, **SMALL, **options))
        return added[-1]

    yield add
    for node in added:
        cluster.remove_node(node)


def test_a_node_that_fails_the_canaries_gets_no_work(nodes: Any, caplog: pytest.LogCaptureFixture) -> None:
    broken, sound = nodes(env_vars={MARK: "1"}), nodes()
    orders = list_orders(9)
    with caplog.at_level(logging.WARNING), open_game(LeakyEngine, {}) as game:
        here = {one.index: one.episode for one in game.play_here(orders)}
        for _ in range(2):
            played = {one.index: one.episode for one in game.play(orders)}
            assert {i: (e.ids, e.reward) for i, e in played.items()} == {
                i: (e.ids, e.reward) for i, e in here.items()
            }
        assert list(count_workers()) == [sound.node_id]
    told = [record.message for record in caplog.records if "gets no work" in record.message]
    assert len(told) == 1
    assert "sandbox could not be tried before use" in told[0]  # a canary has become another program
    assert broken.node_ip_address in told[0]


def test_a_run_ends_where_no_node_is_left(nodes: Any) -> None:
    nodes(env_vars={MARK: "1"})
    said = r"no node of the Ray cluster is left to work on: .*: the sandbox could not be tried before use"
    with open_game(LeakyEngine, {}) as game, pytest.raises(EngineError, match=said):
        game.play(list_orders(2))


def test_a_node_that_joins_late_gets_workers(nodes: Any, tmp_path: Path) -> None:
    first = nodes()

    class LoggingEngine(LeakyEngine):
        def open(self, here: Any, spec: Any, ask: Any) -> None:
            self.keep_logs(tmp_path / "logs")
            super().open(here, spec, ask)

    with open_game(LoggingEngine, {}) as game:
        game.play(list_orders(3))
        assert count_workers() == {first.node_id: 1}
        late = nodes()
        wanted = {first.node_id: 1, late.node_id: 1}
        for _ in range(10):
            game.play(list_orders(6))
            if count_workers() == wanted:
                break
        assert count_workers() == wanted
        assert isinstance(game.engine, LoggingEngine)
        work = game.engine.measure_nodes()[first.node_ip_address]  # both nodes have this machine's
    assert work.orders >= 9
    assert work.seconds > 0
    files = list((tmp_path / "logs").iterdir())
    assert len(files) == 2
    for file in files:
        assert file.name.startswith(f"{first.node_ip_address}-")
        assert GREETING in file.read_text()


def test_a_run_on_the_cluster_tells_what_its_nodes_did(nodes: Any, tmp_path: Path) -> None:
    node = nodes()
    rows = {
        "environment": {"name": "calculation"},
        "model": {"name": "seedling"},
        "synthesizer": {"name": "code_as_task", "revisions": 0},
        "challenge": {"tasks": 2, "proposals": 4},
        "evaluation": {"samples": 1, "tasks": 2, "baselines": False},
        "rollout": {"max_steps": 3, "max_tokens": 32, "challenge_tokens": 100},
        "engine": {"name": "ray"},
    }
    results: Any = selfchal.run(rows, tmp_path / "run")
    done = results["nodes"][node.node_ip_address]
    assert done["orders"] >= 6
    with Store.read(tmp_path / "run") as store:
        assert store.fact("nodes") == results["nodes"]
    again: Any = selfchal.run(rows, tmp_path / "run", resume=True)
    assert again["nodes"] == results["nodes"]
