"""The nodes of a Ray cluster as a run sees them: how many workers have room, and where none may live."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selfchal.core.errors import EngineError

log = logging.getLogger(__name__)

ID_LABEL = "ray.io/node-id"  # which Ray gives every node
LOOK_AGAIN = 2.0  # seconds for which it is believed how large the cluster is


@dataclass(frozen=True)
class Node:
    """Where a worker finds itself. ``name`` is its address, unless `ray start` gave it a name."""

    id: str
    name: str
    pid: int


@dataclass
class Nodes:
    """``wanted`` is what a node sets aside for one worker, by the names of Ray's resources."""

    wanted: Mapping[str, float]
    _refused: dict[str, str] = field(default_factory=dict)  # by id: the node's name and why
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _counted: int = 0
    _counted_at: float = float("-inf")

    def select(self) -> dict[str, str] | None:
        """Ray's label selector for the nodes that a worker may live on; None for all."""
        with self._lock:
            return {ID_LABEL: f"!in({','.join(sorted(self._refused))})"} if self._refused else None

    def count_room(self) -> int:
        """Workers that all nodes together have room for, as far as they may have any."""
        with self._lock:
            if time.monotonic() - self._counted_at > LOOK_AGAIN:
                self._counted = sum(self._count_at(node) for node in list_nodes())
                self._counted_at = time.monotonic()
            return self._counted

    def _count_at(self, node: Mapping[str, Any]) -> int:
        if node["NodeID"] in self._refused:
            return 0
        return min(int(node["Resources"].get(name, 0.0) / each) for name, each in self.wanted.items())

    def refuse(self, node: Node, reason: str) -> None:
        """No worker is made on this node from now on, which is said once.

        Raises EngineError where that leaves none."""
        with self._lock:
            told = node.id in self._refused
            self._refused[node.id] = f"{node.name}: {reason}"
            self._counted_at = float("-inf")
        if not told:
            log.warning("the node %s gets no work: %s", node.name, reason)
        if self.count_room() == 0:
            with self._lock:
                refused = "; ".join(dict.fromkeys(self._refused.values()))
            raise EngineError(f"no node of the Ray cluster is left to work on: {refused}")


def list_nodes() -> list[dict[str, Any]]:
    """Those that live, as Ray describes them."""
    import ray

    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]  # Ray types it not
