"""The engine ``ray`` on a cluster of two nodes on this machine: it plays as this process does, and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from selfchal.builtin_engines.ray_config import RayConfig
from selfchal.core.errors import EngineError, ManifestError
from selfchal.pipeline.manifest import parse_config
from selfchal.testing.conformance.case import Case, CaseLevel
from selfchal.testing.conformance.engine_game import list_orders, open_game
from selfchal.testing.conformance.engines import engine_cases

ray: Any = pytest.importorskip("ray")
from ray.cluster_utils import Cluster  # noqa: E402 — after it is known to be there

from selfchal.builtin_engines.ray_engine import RayEngine  # noqa: E402

OPTIONS = {"workers": 2}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without CPUs for work, and two nodes with one each."""
    small = {"object_store_memory": 2**27}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    made.add_node(num_cpus=1, **small)
    made.add_node(num_cpus=1, **small)
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


CASES = [case for case in engine_cases(RayEngine, OPTIONS) if case.level is not CaseLevel.STATIC]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_engine_keeps_the_contract(case: Case, cluster: Any) -> None:
    case()


def test_a_node_that_is_lost_costs_no_episode(cluster: Any) -> None:
    orders = list_orders(12)
    with open_game(RayEngine, OPTIONS) as game:
        here = {one.index: one.episode for one in game.play_here(orders)}
        played = {}
        for one in game.engine.play(orders, game.rollout):
            played[one.index] = one.episode
            if len(played) == 1:
                cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
                cluster.add_node(num_cpus=1, object_store_memory=2**27)
    assert sorted(played) == sorted(here)
    for index, episode in here.items():
        assert (played[index].ids, played[index].reward, played[index].answer) == (
            episode.ids,
            episode.reward,
            episode.answer,
        )


def test_a_cluster_without_room_is_told_within_its_patience(cluster: Any) -> None:
    said = r"no node of the Ray cluster had room for a worker within 3 s"
    with (
        open_game(RayEngine, {"workers": 1, "cpus": 64, "patience": 3}) as game,
        pytest.raises(EngineError, match=said),
    ):
        game.play(list_orders(1))


@pytest.mark.parametrize("address", ["head:port", "http://head:6379", ""])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ManifestError, match="address"):
        parse_config(RayConfig, {"address": address}, "engine")
