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
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, ClassVar

from pydantic import BaseModel

from selfchal.builtin_engines.ray_config import RayConfig
from selfchal.builtin_engines.serve_worker import make_portable
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
MOST_FAILED_STARTS = 5  # in a row
STORE_BYTES = 2**28  # of a Ray that is started here: orders and episodes are small


class RayEngine:
    """Plays on a Ray cluster: one worker for each of its CPUs, wherever Ray places them."""

    name: ClassVar[str] = "ray"
    Config: ClassVar[type[BaseModel]] = RayConfig
    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("ray", "selfchal[ray]"),)

    def __init__(self, config: RayConfig) -> None:
        self._config = config
        self._actors: list[ActorCalls] = []
        self._lock = threading.Lock()
        self._started_ray = False
        self._failed_starts = 0

    def open(self, here: Worker, spec: WorkerSpec, ask: Ask) -> None:
        """Connect, or start Ray here. Raises EngineError where no cluster answers, or has no CPU to give."""
        import ray

        self._ask, self._spec = ask, _pickle_spec(spec)
        if not ray.is_initialized():
            self._connect()
        self._make_actor = ray.remote(HostActor).options(
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

        with ThreadPoolExecutor(2 * self._count, thread_name_prefix="judge") as pool:
            due = {pool.submit(judge_one, task): index for index, task in enumerate(tasks)}
            for future in as_completed(due):
                yield due[future], future.result()

    def _lend(self) -> ActorCalls:
        """The actor with the fewest scenes, or a new one as long as there may be more.

        Raises WorkerLostError where it ends before it is ready, EngineError where several in a row do.
        """
        with self._lock:
            self._forget_lost()
            least = min(self._actors, key=attrgetter("scenes"), default=None)
            if least is None or (least.scenes and len(self._actors) < self._count):
                least = ActorCalls(self._make_actor.remote(self._spec))
                self._actors.append(least)
            least.scenes += 1
        try:
            least.wait_until_ready(self._config.patience)
        except EngineError:
            least.leave()
            raise
        return least

    def _forget_lost(self) -> None:
        for lost in [one for one in self._actors if one.lost]:
            self._actors.remove(lost)
            self._failed_starts = 0 if lost.ready else self._failed_starts + 1
        if self._failed_starts >= MOST_FAILED_STARTS:
            raise EngineError(f"{self._failed_starts} Ray actors in a row ended before they were ready")

    def close(self) -> None:
        import ray

        for one in self._actors:
            one.close()
        self._actors = []
        if self._started_ray:
            ray.shutdown()
            self._started_ray = False


@dataclass
class ActorCalls:
    """``selfchal.rollout.remote_scene.HostCalls`` to the host in an actor."""

    actor: Any
    scenes: int = 0
    ready: bool = False
    lost: bool = False

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def wait_until_ready(self, patience: float) -> None:
        """Raises EngineError where its plugins cannot be made there, or no node has room for it in time."""
        if self.ready:
            return
        failure = self._get(self.actor.find_failure.remote(), patience)
        if failure is not None:
            self.lost = True
            raise EngineError(f"a worker cannot be made ready on its node: {failure}")
        self.ready = True

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


def _pickle_spec(spec: WorkerSpec) -> bytes:
    try:
        return pickle.dumps(spec)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise EngineError(f"the run's plugins cannot be made on another machine: {error}") from error
