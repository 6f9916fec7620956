"""What the machines of a run have done, kept in its store and told with each update.

An engine counts since it was opened; what earlier attempts at the run counted is added to that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from selfchal.core.engine import Engine, NodeWork, SpansNodes
from selfchal.core.world import Json
from selfchal.pipeline.store import Store

NODES = "nodes"  # the fact that holds it
ORDERS, SECONDS = "node_orders", "node_seconds"  # metrics of an update, of each node


@dataclass
class NodeBook:
    """Nothing is counted where all workers are this machine's."""

    store: Store
    engine: Engine
    _before: dict[str, NodeWork] = field(init=False)
    _told: Mapping[str, NodeWork] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        kept: dict[str, dict[str, float]] = self.store.fact(NODES, {})
        self._before = {name: NodeWork(int(row["orders"]), row["seconds"]) for name, row in kept.items()}

    def write(self) -> None:
        """Keep what was done so far."""
        if not isinstance(self.engine, SpansNodes):
            return
        total = dict(self._before)
        for name, work in self.engine.measure_nodes().items():
            before = total.get(name, NodeWork(0, 0.0))
            total[name] = NodeWork(before.orders + work.orders, before.seconds + work.seconds)
        rows: dict[str, Json] = {
            name: {"orders": work.orders, "seconds": round(work.seconds, 3)} for name, work in total.items()
        }
        self.store.put_fact(NODES, rows)

    def measure_update(self) -> dict[str, float]:
        """Since the last call, as metrics of an update."""
        if not isinstance(self.engine, SpansNodes):
            return {}
        now, found = dict(self.engine.measure_nodes()), {}
        for name, work in now.items():
            before = self._told.get(name, NodeWork(0, 0.0))
            found[f"{ORDERS}/{name}"] = float(work.orders - before.orders)
            found[f"{SECONDS}/{name}"] = work.seconds - before.seconds
        self._told = now
        return found
