"""What an endpoint was asked and what it cost, kept in a file across runs. Light."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfchal.core.errors import ModelError

Json = Any
_SUMS = ("requests", "retries", "tokens_in", "tokens_out")


@dataclass
class Ledger:
    """Sums over requests; prices are a million tokens. ``path`` is the file that keeps the sums.

    Raises ModelError where that file is not one that a ledger wrote.
    """

    price_in: float = 0.0
    price_out: float = 0.0
    path: Path | None = None
    requests: int = 0
    retries: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        if self.path is None:
            return
        self.path = self.path.expanduser()
        if not self.path.is_file():
            return
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            for name in _SUMS:
                setattr(self, name, int(kept[name]))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ModelError(
                f"model.ledger: {self.path} is no ledger that can be added to; move it away, or name "
                "another file"
            ) from error

    @property
    def cost(self) -> float:
        return (self.tokens_in * self.price_in + self.tokens_out * self.price_out) / 1e6

    def count(self, usage: Json) -> None:
        """Add one answer's ``usage``; what it leaves out or gives as no count adds nothing."""
        told = usage if isinstance(usage, dict) else {}
        with self._lock:
            self.requests += 1
            self.tokens_in += _read_count(told.get("prompt_tokens"))
            self.tokens_out += _read_count(told.get("completion_tokens"))

    def count_retry(self) -> None:
        with self._lock:
            self.retries += 1

    def write(self) -> None:
        """Store the sums; a crash in between leaves the old file. Raises ModelError where that fails."""
        if self.path is None:
            return
        scratch = self.path.with_suffix(".partial")
        try:
            scratch.write_text(json.dumps(self.to_json()), encoding="utf-8")
            scratch.replace(self.path)
        except OSError as error:
            raise ModelError(
                f"model.ledger: cannot write {self.path}: {error.strerror}; name another file"
            ) from error

    def to_json(self) -> dict[str, Json]:
        names = ("price_in", "price_out", *_SUMS)
        return {**{name: getattr(self, name) for name in names}, "cost": self.cost}


def _read_count(value: Json) -> int:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
    return int(value) if is_count else 0
