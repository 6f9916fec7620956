"""The engine ``ray``: scenes live in actors that Ray places on the nodes of a cluster.

Ray places and collects; nothing of that is done here. A worker is an actor with a ``SceneHost`` in it. One
that is lost, by itself or with its node, is replaced by another, and its scenes go on there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel

from selfchal.builtin_engines.ray_config import RayConfig
from selfchal.builtin_engines.serve_worker import make_portable
from selfchal.builtin_engines.worker_pool import PooledWorker, WorkerPool, judge_in_threads, pickle_spec
from selfchal.core.engine import Ask, Finished, Order, Player, Worker, WorkerSpec
from selfchal.core.errors import EngineError
from selfchal.core.judge import Filter, Verdict
from selfchal.core.requirement import Requirement
from selfchal.core.task import Task
from selfchal.rollout.remote_scene import RemoteScene, WorkerLostError, judge_remotely
from selfchal.rollout.scene_host import SceneHost

CALLS_AT_ONCE = 64  # of one actor; they wait on sandboxes
ACTING_EACH = 4  # scenes of one worker that act at a time
PASSED_ON = ("SELFCHAL_PLUGIN_FILES", "SELFCHAL_DISABLED_PLUGINS")  # variables that plugins are found by
STORE_BYTES = 2**28  # of a Ray that is started here: orders and episodes are small


class RayEngine:
    """Plays on a Ray cluster: one worker for each of its CPUs, wherever Ray places them."""

    name: ClassVar[str] = "ray"
    Config: ClassVar[type[BaseModel]] = RayConfig
    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("ray", "selfchal[ray]"),)

    def __init__(self, config: RayConfig) -> None:
        self._config = config
        self._pool: WorkerPool | None = None
        self._started_ray = False

    def open(self, here: Worker, spec: WorkerSpec, ask: Ask) -> None:
        """Connect, or start Ray here. Raises EngineError where no cluster answers, or has no CPU to give."""
        import ray

        self._ask, pickled = ask, pickle_spec(spec)
        if not ray.is_initialized():
            self._connect()
        make_actor = ray.remote(HostActor).options(
            num_cpus=self._config.cpus,
            resources=self._config.resources or None,
            max_concurrency=CALLS_AT_ONCE,
            max_restarts=0,  # a new actor is made instead, and its scenes are told what was said
            runtime_env={"env_vars": {name: os.environ[name] for name in PASSED_ON if name in os.environ}},
        )
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray types it not
        found = int(resources.get("CPU", 0) / self._config.cpus)
        self._count = self._config.workers or found
        if self._count < 1:
            raise EngineError(f"the Ray cluster has less than the {self._config.cpus:g} CPUs of one worker")
        self._pool = WorkerPool(
            lambda: ActorCalls(make_actor.remote(pickled), self._config.patience),
            self._count,
            scenes_each=1,
            advice="`ray status` shows the nodes, and `ray logs` what they said",
        )

    def _connect(self) -> None:
        import ray

        address = None if self._config.address == "local" else self._config.address
        mine: dict[str, Any] = (
            {} if address else {"object_store_memory": STORE_BYTES, "include_dashboard": False}
        )
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **mine)
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = str(error.__cause__ or error).splitlines()[0]  # a refused token is told there
            raise EngineError(
                f"no Ray cluster can be used at {address or 'this machine'}: {reason}. `ray status` shows "
                "what there is; without engine.address Ray is started here"
            ) from error
        self._started_ray = True

    def play(self, orders: Sequence[Order], player: Player) -> Iterator[Finished]:
        scenes = [RemoteScene(order, self._lend, self._ask) for order in orders]
        samples = [order.sample for order in orders]
        for index, episode in player.play(scenes, samples, ACTING_EACH * self._count):
            yield Finished(index, episode, scenes[index].proposal)

    def judge(
        self, environment: str, tasks: Sequence[Task], filters: Filter = Filter.FULL
    ) -> Iterator[tuple[int, Verdict]]:
        def judge_one(task: Task) -> Verdict:
            return judge_remotely(self._lend, self._ask, environment, task, filters)

        return judge_in_threads(judge_one, tasks, 2 * self._count)

    def _lend(self) -> PooledWorker:
        assert self._pool is not None, "an engine is opened before it plays"
        return self._pool.lend()

    def close(self) -> None:
        import ray

        if self._pool is not None:
            self._pool.close()
        if self._started_ray:
            ray.shutdown()
            self._started_ray = False


@dataclass
class ActorCalls:
    """``selfchal.rollout.remote_scene.HostCalls`` to the host in an actor."""

    actor: Any
    patience: float  # seconds until it must be ready
    scenes: int = 0
    served: bool = False
    lost: bool = False

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def wait_until_ready(self) -> None:
        """Raises EngineError where its plugins cannot be made there, or no node has room for it in time."""
        if self.served:
            return
        failure = self._get(self.actor.find_failure.remote(), self.patience)
        if failure is not None:
            self.lost = True
            raise EngineError(f"a worker cannot be made ready on its node: {failure}")
        self.served = True

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        done, value = self._get(self.actor.call.remote(method, arguments, options), None)
        if not done:
            raise value
        return value

    def _get(self, reference: Any, patience: float | None) -> Any:
        import ray

        try:
            return ray.get(reference, timeout=patience)
        except ray.exceptions.GetTimeoutError as error:
            self.lost = True
            raise EngineError(
                f"no node of the Ray cluster had room for a worker within {patience:g} s (engine.patience); "
                "`ray status` shows what is asked for and what there is"
            ) from error
        except (ray.exceptions.RayActorError, ray.exceptions.RaySystemError) as error:
            self.lost = True
            raise WorkerLostError(f"a Ray actor was lost: {str(error).splitlines()[0]}") from error

    def is_alive(self) -> bool:
        return not self.lost

    def take(self) -> None:
        with self._lock:
            self.scenes += 1

    def leave(self) -> None:
        with self._lock:
            self.scenes -= 1

    def close(self) -> None:
        """Let the worker close what it holds, and end its process."""
        import ray

        if not self.lost:
            with contextlib.suppress(ray.exceptions.RayError):  # it was lost meanwhile
                ray.get(self.actor.close.remote(), timeout=10)
        ray.kill(self.actor)


class HostActor:
    """In the cluster: a worker of the run. A worker that cannot be made says so when it is asked."""

    def __init__(self, spec: bytes) -> None:
        self._failure: str | None = None
        try:
            self._host = SceneHost(pickle.loads(spec))
        except Exception as error:  # noqa: BLE001 — told to the run, which ends with it
            self._failure = f"{type(error).__name__}: {error}"

    def find_failure(self) -> str | None:
        return self._failure

    def call(self, method: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> tuple[bool, Any]:
        """Whether it gave something, and what; or what it raised."""
        try:
            return True, getattr(self._host, method)(*arguments, **options)
        except Exception as error:  # noqa: BLE001 — raised in the run
            return False, make_portable(error)

    def close(self) -> None:
        if self._failure is None:
            self._host.close()
