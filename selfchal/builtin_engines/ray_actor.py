"""A worker in a Ray actor: what runs on the node, and the calls to it from the run."""

from __future__ import annotations

import contextlib
import os
import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from selfchal.builtin_engines.ray_connection import get_or_lose
from selfchal.builtin_engines.ray_nodes import Node, Nodes, list_nodes
from selfchal.builtin_engines.serve_worker import make_portable
from selfchal.builtin_engines.worker_logs import Output, WorkerLogs
from selfchal.builtin_engines.worker_pool import MachineRefusedError
from selfchal.core.engine import NodeWork
from selfchal.core.errors import EngineError, SandboxUnavailableError
from selfchal.core.judge import Verdict
from selfchal.hosting import HostLostError
from selfchal.rollout.remote_scene import WorkerLostError
from selfchal.rollout.scene_host import Ended, SceneHost

PROMPT = 20.0  # seconds in which a worker is ready whose node is there; another one may wait for its node
LOOK_AGAIN = 1.0  # seconds between two looks at one that is not


@dataclass(frozen=True)
class Begun:
    """What an actor says first. ``failure``: why it has no worker; ``of_sandbox``: the node is to blame."""

    node: Node
    failure: str | None
    of_sandbox: bool


@dataclass(frozen=True)
class Reply:
    """What a call gave, or raised; and what the node has to tell with it."""

    value: Any
    raised: bool
    seconds: float
    printed: str


class HostActor:
    """In the cluster: a worker of the run. A worker that cannot be made says so when it is asked.

    Making it lets the sandbox's canaries loose, so that a node where they get through has no worker.
    """

    def __init__(self, spec: bytes) -> None:
        self._output = Output()
        self._failure: Exception | None = None
        try:
            self._host = SceneHost(pickle.loads(spec))
        except Exception as error:  # noqa: BLE001 — told to the run, which ends with it
            self._failure = error

    def begin(self) -> Begun:
        error, node = self._failure, _find_node()
        if error is None:
            return Begun(node, None, False)
        of_sandbox = isinstance(error, SandboxUnavailableError)
        return Begun(node, str(error) if of_sandbox else f"{type(error).__name__}: {error}", of_sandbox)

    def call(self, asked: bytes) -> bytes:
        """A pickled method, arguments and options; a pickled ``Reply``. Ray passes bytes on as they are, and
        would pickle anything else by a slower way of its own."""
        began = time.perf_counter()
        method, arguments, options = pickle.loads(asked)
        try:
            value = getattr(self._host, method)(*arguments, **options)
            return self._write_reply(value, False, began)
        except Exception as error:  # noqa: BLE001 — raised in the run
            return self._write_reply(make_portable(error), True, began)

    def _write_reply(self, value: Any, raised: bool, began: float) -> bytes:
        return pickle.dumps(Reply(value, raised, time.perf_counter() - began, self._output.read_new()))

    def close(self) -> str:
        """What was printed to the end."""
        if self._failure is None:
            self._host.close()
        return self._output.read_new()


def _find_node() -> Node:
    import ray

    mine = ray.get_runtime_context().get_node_id()
    names = [node["NodeName"] for node in list_nodes() if node["NodeID"] == mine]
    return Node(mine, names[0] if names else mine, os.getpid())


@dataclass
class WorkByNode:
    """What was done where, since the engine was opened."""

    _work: dict[str, NodeWork] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, node: str, orders: int, seconds: float) -> None:
        with self._lock:
            before = self._work.get(node, NodeWork(0, 0.0))
            self._work[node] = NodeWork(before.orders + orders, before.seconds + seconds)

    def read(self) -> dict[str, NodeWork]:
        with self._lock:
            return dict(self._work)


@dataclass(frozen=True)
class Accounts:
    """What the run keeps of all its actors."""

    nodes: Nodes
    work: WorkByNode
    logs: WorkerLogs | None


@dataclass
class ActorCalls:
    """``selfchal.rollout.remote_scene.HostCalls`` to the host in an actor."""

    actor: Any
    patience: float  # seconds until it must be ready
    accounts: Accounts
    scenes: int = 0
    served: bool = False
    refused: bool = False
    lost: bool = False
    end_reason: str = ""
    node: Node | None = None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = self.actor.begin.remote()
        self._made = time.monotonic()
        self._looked = 0.0

    def is_late(self) -> bool:
        waited = time.monotonic() - self._made
        if self.served or waited < PROMPT:
            return False
        with self._lock:
            if time.monotonic() - self._looked < LOOK_AGAIN:
                return True
            late = not self._is_there(0.0)
            self._looked = time.monotonic() if late else 0.0
            return late

    def _is_there(self, seconds: float) -> bool:
        """Has it answered, if only that it was lost?"""
        import ray

        there, _ = ray.wait([self._asked], timeout=seconds)
        return bool(there)

    def wait_until_ready(self, others_serve: Callable[[], bool]) -> bool:
        """Raises EngineError where its plugins cannot be made there, or no node has room for it in time."""
        while not self.served and not self._is_there(LOOK_AGAIN):
            if self.lost:
                raise WorkerLostError("a Ray actor was given up")
            if self.is_late() and others_serve():
                return False
            if time.monotonic() - self._made > self.patience:
                self.lost = True
                raise EngineError(
                    f"no node of the Ray cluster had room for a worker within {self.patience:g} s "
                    "(engine.patience); `ray status` shows what is asked for and what there is"
                )
        if not self.served:
            self._begin(self._get(self._asked))
        return True

    def _begin(self, begun: Begun) -> None:
        self.node = begun.node
        if begun.failure is None:
            self.served = True
            return
        self.lost, self.refused = True, begun.of_sandbox
        if begun.of_sandbox:
            self.accounts.nodes.refuse(begun.node, begun.failure)
            raise MachineRefusedError(f"{begun.node.name}: {begun.failure}")
        raise EngineError(f"a worker cannot be made ready on its node {begun.node.name}: {begun.failure}")

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        asked = pickle.dumps((method, arguments, options))
        reply: Reply = pickle.loads(self._get(self.actor.call.remote(asked)))
        assert self.node is not None, "a worker is called when it is ready"
        over = isinstance(reply.value, Ended | Verdict)
        self.accounts.work.add(self.node.name, int(over), reply.seconds)
        self._keep(reply.printed)
        if reply.raised:
            raise reply.value
        return reply.value

    def _keep(self, printed: str) -> None:
        if self.accounts.logs is not None and self.node is not None:
            self.accounts.logs.add(self.node.name, self.node.pid, printed)

    def _get(self, reference: Any) -> Any:
        try:
            return get_or_lose(reference)
        except HostLostError as error:
            if not self.lost:
                self._keep(f"{error}\n")
            self.lost, self.end_reason = True, str(error)
            raise WorkerLostError(self.end_reason) from error

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

        if self.served and not self.lost:
            with contextlib.suppress(ray.exceptions.RayError):  # it was lost meanwhile
                self._keep(ray.get(self.actor.close.remote(), timeout=10))
        ray.kill(self.actor)
