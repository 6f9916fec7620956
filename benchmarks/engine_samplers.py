"""Samplers of a stated cost for benchmarks/engines.py: a fleet, of which only the servers are pretended.

Who is asked next, the threads in which requests wait, and the order in which turns end are the real ones.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from selfchal.builtin_models.fleet import Fleet, Member
from selfchal.builtin_models.fleet_stream import FleetStream, Voice
from selfchal.builtin_models.weight_push import NoWeights
from selfchal.core.model import Generation, Sampling
from selfchal.testing.scripted import END, ScriptedModel

ROWS = 32  # turns that one sampler generates side by side


@dataclass
class PretendedServer:
    """Says ``tokens`` tokens in ``seconds``, to so many at a time; what would travel is counted, as JSON."""

    root: str
    tokens: int
    seconds: float
    traffic: list[int]
    context: int = 100_000
    _rows: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(ROWS))

    def ask(self, prompt: Sequence[int], sampling: Sampling, seed: int, *, adapted: bool) -> Generation:
        body = json.dumps({"prompt": list(prompt), "seed": seed, "max_tokens": sampling.max_tokens})
        with self._rows:
            time.sleep(self.seconds)
        ids = (*(97 for _ in range(self.tokens - 1)), END)
        answer = json.dumps({"token_ids": ids, "logprobs": [-0.5] * self.tokens})
        said = json.loads(answer)
        self.traffic.append(len(body) + len(answer))
        return Generation(tuple(said["token_ids"]), tuple(said["logprobs"]), "a" * (self.tokens - 1), True)

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class PretendedOrigin:
    address: str

    def open(self, is_over: Any) -> str:
        return self.address

    def close(self) -> None:
        """Nothing was started."""


class SampledModel(ScriptedModel):
    """Its turns come from so many samplers."""

    def __init__(self, samplers: int, tokens: int, seconds: float, at_once: int) -> None:
        super().__init__(lambda text: "a")
        self.traffic: list[int] = []
        members = [Member(PretendedOrigin(f"http://sampler{number}")) for number in range(samplers)]

        def connect(address: str) -> Any:
            return PretendedServer(address, tokens, seconds, self.traffic)

        self._fleet = Fleet(members, connect, NoWeights())
        self._fleet.open(0)
        self._pool = ThreadPoolExecutor(at_once, "turn")

    def stream(self, sampling: Sampling) -> Any:
        return FleetStream(Voice(self._fleet, self._pool, False), sampling)

    def close(self) -> None:
        self._fleet.close()
        self._pool.shutdown()
