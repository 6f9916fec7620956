"""The engine ``ray``: scenes live in actors that Ray places on the nodes of a cluster.

Ray places and collects; nothing of that is done here. A worker is an actor with a ``SceneHost`` in it. One
that is lost, by itself or with its node, is replaced by another, and its scenes go on there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from selfchal.builtin_engines.ray_actor import Accounts, ActorCalls, HostActor, WorkByNode
from selfchal.builtin_engines.ray_config import RayConfig
from selfchal.builtin_engines.ray_connection import Connection, pass_on_environment
from selfchal.builtin_engines.ray_nodes import Nodes
from selfchal.builtin_engines.ray_ranks import RankGroup
from selfchal.builtin_engines.ray_reservation import RayReservation
from selfchal.builtin_engines.worker_logs import WorkerLogs
from selfchal.builtin_engines.worker_pool import PooledWorker, WorkerPool, judge_in_threads, pickle_spec
from selfchal.core.engine import Ask, Finished, NodeWork, Order, Player, Worker, WorkerSpec
from selfchal.core.errors import EngineError
from selfchal.core.judge import Filter, Verdict
from selfchal.core.requirement import Requirement
from selfchal.core.task import Task
from selfchal.hosting import Ranks
from selfchal.rollout.remote_scene import RemoteScene, judge_remotely

CALLS_AT_ONCE = 64  # of one actor; they wait on sandboxes
ACTING_EACH = 4  # scenes of one worker that act at a time


class RayEngine:
    """Plays on a Ray cluster: one worker for each of its CPUs, wherever Ray places them."""

    name: ClassVar[str] = "ray"
    Config: ClassVar[type[BaseModel]] = RayConfig
    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("ray", "selfchal[ray]"),)

    def __init__(self, config: RayConfig) -> None:
        self._config = config
        self._pool: WorkerPool | None = None
        self._connection = Connection(config.address)
        self._nodes = Nodes({"CPU": config.cpus, **config.resources})
        self._work = WorkByNode()
        self._logs: WorkerLogs | None = None

    def open(self, here: Worker, spec: WorkerSpec, ask: Ask) -> None:
        """Connect, or start Ray here. Raises EngineError where no cluster answers, or has no CPU to give."""
        self._ask, self._spec = ask, pickle_spec(spec)
        self._connection.open()
        if self._count_workers() < 1:
            raise EngineError(
                f"no node of the Ray cluster has the {self._config.cpus:g} CPUs of one worker; where the "
                "cluster grows when more is asked for, say how far: engine.workers"
            )
        advice = "`ray status` shows the nodes, and `ray logs` what they said"
        self._pool = WorkerPool(self._make_worker, self._count_workers, scenes_each=1, advice=advice)

    def _count_workers(self) -> int:
        """How many there may be now: the cluster may have grown, and nodes may have been refused."""
        return self._config.workers or self._nodes.count_room()

    def _make_worker(self) -> ActorCalls:
        import ray

        actor = ray.remote(HostActor).options(
            num_cpus=self._config.cpus,
            resources=self._config.resources or None,
            label_selector=self._nodes.select(),
            max_concurrency=CALLS_AT_ONCE,
            max_restarts=0,  # a new actor is made instead, and its scenes are told what was said
            runtime_env=pass_on_environment(),
        )
        accounts = Accounts(self._nodes, self._work, self._logs)
        return ActorCalls(actor.remote(self._spec), self._config.patience, accounts)

    @classmethod
    def hosts_servers(cls, config: RayConfig) -> bool:
        return config.servers

    def reserve(self, objects: int, gpus: int) -> RayReservation | None:
        """Room for the servers of a model, where the manifest wants them on the cluster."""
        if not self._config.servers:
            return None
        self._connection.open()
        return RayReservation(objects, gpus, self._config.patience)

    @property
    def ranks(self) -> int:
        return self._config.ranks

    def start(self, ranks: Ranks) -> int:
        self._connection.open()
        group = RankGroup(self._config.ranks, self._config.rank_gpus, self._config.patience, ranks)
        return group.run_to_the_end()

    def keep_logs(self, directory: Path) -> None:
        self._logs = WorkerLogs(directory)

    def measure_nodes(self) -> dict[str, NodeWork]:
        return self._work.read()

    def play(self, orders: Sequence[Order], player: Player) -> Iterator[Finished]:
        scenes = [RemoteScene(order, self._lend, self._ask) for order in orders]
        samples = [order.sample for order in orders]
        for index, episode in player.play(scenes, samples, ACTING_EACH * self._count_workers()):
            yield Finished(index, episode, scenes[index].proposal)

    def judge(
        self, environment: str, tasks: Sequence[Task], filters: Filter = Filter.FULL
    ) -> Iterator[tuple[int, Verdict]]:
        def judge_one(task: Task) -> Verdict:
            return judge_remotely(self._lend, self._ask, environment, task, filters)

        return judge_in_threads(judge_one, tasks, 2 * self._count_workers())

    def _lend(self) -> PooledWorker:
        assert self._pool is not None, "an engine is opened before it plays"
        return self._pool.lend()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
        self._connection.close()
