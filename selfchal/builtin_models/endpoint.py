"""An HTTP endpoint with retries, a limit on concurrent requests, and a ledger of what it cost.

Heavy: imports httpx.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from selfchal.core.errors import ModelError

Json = Any
Item = TypeVar("Item")
Result = TypeVar("Result")
PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})  # statuses that another try may mend


@dataclass
class Ledger:
    """What was asked and what it cost; prices are a million tokens. Kept in ``path`` across runs."""

    price_in: float = 0.0
    price_out: float = 0.0
    path: Path | None = None
    requests: int = 0
    retries: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        if self.path is not None and self.path.is_file():
            kept = json.loads(self.path.read_text())
            for name in ("requests", "retries", "tokens_in", "tokens_out"):
                setattr(self, name, int(kept[name]))

    @property
    def cost(self) -> float:
        return (self.tokens_in * self.price_in + self.tokens_out * self.price_out) / 1e6

    def count(self, usage: Mapping[str, Any]) -> None:
        """Add one answer's ``usage``."""
        with self._lock:
            self.requests += 1
            self.tokens_in += int(usage.get("prompt_tokens") or 0)
            self.tokens_out += int(usage.get("completion_tokens") or 0)

    def count_retry(self) -> None:
        with self._lock:
            self.retries += 1

    def write(self) -> None:
        """Store the sums; a crash in between leaves the old file."""
        if self.path is None:
            return
        scratch = self.path.with_suffix(".partial")
        scratch.write_text(json.dumps(self.to_json()))
        scratch.replace(self.path)

    def to_json(self) -> dict[str, Json]:
        names = ("price_in", "price_out", "requests", "retries", "tokens_in", "tokens_out")
        return {**{name: getattr(self, name) for name in names}, "cost": self.cost}


@dataclass(frozen=True)
class Patience:
    """How long to wait and how often to try again; ``pause`` doubles from try to try."""

    timeout: float = 300.0
    retries: int = 5
    pause: float = 0.5
    most: float = 30.0


class Endpoint:
    """JSON in, JSON out. Raises ModelError for what another try cannot mend, or did not."""

    def __init__(
        self,
        base_url: str,
        *,
        key_env: str | None = None,
        patience: Patience,
        concurrency: int = 16,
        ledger: Ledger | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.ledger = ledger or Ledger()
        self._patience = patience
        headers = {"Authorization": f"Bearer {_read_key(key_env)}"} if key_env else {}
        limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        self._client = httpx.Client(headers=headers, timeout=patience.timeout, limits=limits)
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="endpoint")
        self._key_env = key_env

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Apply to all items, as many at a time as the concurrency allows; then store the ledger."""
        try:
            return list(self._pool.map(function, items))
        finally:
            self.ledger.write()

    def post(self, path: str, body: Mapping[str, Json]) -> Json:
        """The JSON that answers this request."""
        return _decode(self._send("POST", path, body))

    def get(self, path: str) -> Json:
        return _decode(self._send("GET", path, None))

    def command(self, path: str, body: Mapping[str, Json]) -> None:
        """A request that is answered by being done."""
        self._send("POST", path, body)

    def _send(self, method: str, path: str, body: Mapping[str, Json] | None) -> httpx.Response:
        """The answer to one request, tried again while what is wrong may pass."""
        url = f"{self.base_url}{path}"
        for attempt in range(self._patience.retries + 1):
            try:
                answer = self._client.request(method, url, json=body)
            except httpx.TransportError as error:
                wrong, wait = f"{type(error).__name__}: {error}", None
            else:
                if answer.is_success:
                    return answer
                if answer.status_code not in PASSING:
                    raise ModelError(self._explain_refusal(url, answer))
                wrong, wait = f"status {answer.status_code}: {answer.text[:200]}", _read_retry_after(answer)
            if attempt < self._patience.retries:
                self.ledger.count_retry()
                time.sleep(self._pause(attempt) if wait is None else min(wait, self._patience.most))
        raise ModelError(
            f"{url} did not answer in {self._patience.retries + 1} tries; last: {wrong}. "
            "Is the server up, and is the address right?"
        )

    def _pause(self, attempt: int) -> float:
        # Spread out, so that the requests that failed together do not come back together.
        return min(self._patience.pause * 2.0**attempt, self._patience.most) * random.uniform(0.5, 1.0)

    def _explain_refusal(self, url: str, answer: httpx.Response) -> str:
        text = answer.text[:300]
        if answer.status_code in (401, 403):
            cure = f"check the key in ${self._key_env}" if self._key_env else "set model.api_key_env"
            return f"{url} refuses the key (status {answer.status_code}): {text}; {cure}."
        return f"{url} refuses the request (status {answer.status_code}): {text}"

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._client.close()
        self.ledger.write()


def _read_key(name: str) -> str:
    key = os.environ.get(name)
    if not key:
        raise ModelError(
            f"model.api_key_env: the environment variable {name} is not set. Export your key in it."
        )
    return key


def _decode(answer: httpx.Response) -> Json:
    try:
        return answer.json()
    except ValueError as error:
        raise ModelError(f"{answer.url} answered something that is no JSON: {answer.text[:200]!r}") from error


def _read_retry_after(answer: httpx.Response) -> float | None:
    try:
        return float(answer.headers["retry-after"])
    except (KeyError, ValueError):  # absent, or a date
        return None
