"""Room on a Ray cluster for objects with GPUs: a placement group, and an actor in each of its bundles.

A bundle whose node is lost is put on another node by Ray; the object is made anew there.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from selfchal.builtin_engines.ray_connection import get_or_lose, pass_on_environment
from selfchal.builtin_engines.serve_worker import make_portable
from selfchal.core.errors import EngineError

CALLS_AT_ONCE = 4
LOOK_AGAIN = 0.5  # seconds between two looks at an actor that is not there yet


class ObjectActor:
    """In the cluster: an object of somebody's. What its methods raise is raised where they were called."""

    def __init__(self, make: bytes) -> None:
        self._failure: Exception | None = None
        try:
            self._object = pickle.loads(make)()
        except Exception as error:  # noqa: BLE001 — raised where it was asked for
            self._failure = make_portable(error)

    def begin(self) -> tuple[str, Exception | None]:
        """The node's address, and why there is no object."""
        import ray

        return str(ray.util.get_node_ip_address()), self._failure  # type: ignore[no-untyped-call]  # Ray types it not

    def call(self, method: str, arguments: tuple[Any, ...]) -> tuple[bool, Any]:
        """Whether it gave something, and what; or what it raised."""
        try:
            return True, getattr(self._object, method)(*arguments)
        except Exception as error:  # noqa: BLE001 — raised where the call was made
            return False, make_portable(error)


@dataclass
class ActorHost:
    """``selfchal.hosting.HostedObject`` of the object in an actor."""

    actor: Any
    address: str = ""

    def call(self, method: str, *arguments: Any) -> Any:
        done, value = get_or_lose(self.begin_call(method, *arguments))
        if not done:
            raise value
        return value

    def begin_call(self, method: str, *arguments: Any) -> Any:
        """Ray's reference to what will come of a call: whether it gave something, and what."""
        return self.actor.call.remote(method, arguments)

    def close(self) -> None:
        import ray

        ray.kill(self.actor)


class RayReservation:
    """``selfchal.hosting.Reservation``. An object sets GPUs aside, and no CPU."""

    def __init__(
        self, objects: int, gpus: float, patience: float, first: Mapping[str, float] | None = None
    ) -> None:
        """``first``: what the first one needs beside GPUs, by the names of Ray's resources.

        Raises EngineError where the cluster has no room for them in time.
        """
        import ray

        self._gpus, self._patience = gpus, patience
        bundle: dict[str, float] = (
            {"GPU": gpus} if gpus else {"memory": 1}
        )  # a bundle has to ask for something
        bundles = [{**bundle, **(first or {})}, *(dict(bundle) for _ in range(objects - 1))]
        self._group = ray.util.placement_group(bundles, strategy="PACK")
        if not self._group.wait(patience):
            ray.util.remove_placement_group(self._group)
            raise EngineError(
                f"the Ray cluster had no room for {objects} times {gpus:g} GPUs within {patience:g} s "
                "(engine.patience); `ray status` shows what is asked for and what there is"
            )

    def open(self, number: int, make: Callable[[], Any], is_over: Callable[[], bool]) -> ActorHost:
        import ray
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        where = PlacementGroupSchedulingStrategy(self._group, placement_group_bundle_index=number)
        actor: Any = ray.remote(ObjectActor).options(
            num_cpus=0,
            num_gpus=self._gpus,
            max_concurrency=CALLS_AT_ONCE,
            max_restarts=0,  # whoever opened it opens it again
            runtime_env=pass_on_environment(),
            scheduling_strategy=where,
        )
        actor = actor.remote(pickle.dumps(make))
        host, asked, began = ActorHost(actor), actor.begin.remote(), time.monotonic()
        while not ray.wait([asked], timeout=LOOK_AGAIN)[0]:
            if is_over() or time.monotonic() - began > self._patience:
                host.close()
                raise EngineError(
                    f"the Ray cluster had no room for what was lost within {self._patience:g} s "
                    "(engine.patience); `ray status` shows what is asked for and what there is"
                )
        host.address, failure = get_or_lose(asked)
        if failure is not None:
            host.close()
            raise failure
        return host

    def close(self) -> None:
        import ray

        ray.util.remove_placement_group(self._group)
