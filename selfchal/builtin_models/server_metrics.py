"""What vLLM servers say of their own work at ``/metrics``, between two looks: tokens, rows, caches. Light."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

# Sums since a server began, by their names in Prometheus' text format, and what each is called here.
SUMS = {
    "vllm:generation_tokens_total": "tokens",
    "vllm:prefix_cache_queries_total": "looked_up",
    "vllm:prefix_cache_hits_total": "found",
    "vllm:request_inference_time_seconds_sum": "row_seconds",
}
Sums = Mapping[str, float]


def read_sums(text: str) -> Sums:
    """The sums that a server tells, over all of its engines; what cannot be read is left out."""
    sums: dict[str, float] = defaultdict(float)
    for line in text.splitlines():
        name, value = line.partition("{")[0], line.rpartition("} ")[2]
        if name in SUMS:
            try:
                sums[SUMS[name]] += float(value)
            except ValueError:
                continue
    return dict(sums)


@dataclass
class SamplingMeter:
    """Turns sums since the servers began into what happened between two looks."""

    _seen: dict[str, Sums] = field(default_factory=dict)  # by address
    _busy: float = 0.0
    _lost: int = 0

    def measure(self, told: Mapping[str, Sums], busy: float, lost: int) -> dict[str, float]:
        """``told``: by address, the sums of each server that answers. ``busy``: seconds, in all, in which any
        request was under way; ``lost``: how often a server gave no answer."""
        new: dict[str, float] = defaultdict(float)
        for address, sums in told.items():
            before = self._seen.get(address, {})
            restarted = any(sums.get(name, 0.0) < value for name, value in before.items())
            for name, value in sums.items():
                new[name] += value if restarted else value - before.get(name, 0.0)
        self._seen |= told
        seconds, self._busy = busy - self._busy, busy
        died, self._lost = lost - self._lost, lost
        metrics = {"sampled_tokens": new["tokens"], "servers_lost": float(died)}
        if seconds > 0 and told:
            metrics["sampled_tokens_per_second"] = new["tokens"] / seconds
            metrics["rows_generating"] = new["row_seconds"] / seconds / len(told)
        if new["looked_up"]:
            metrics["prefix_found"] = new["found"] / new["looked_up"]
        return metrics
