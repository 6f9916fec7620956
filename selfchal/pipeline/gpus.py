"""The GPUs of this machine, or those that a person says a run is planned for. Torch is not loaded for it."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

from selfchal.core.world import Json

_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
_SECONDS = 20  # the first call to a driver that sleeps takes a few
_MIB = 2**20


@dataclass(frozen=True)
class Gpus:
    """Equal GPUs; of different ones the smallest decides. ``named``: by a person, so that they need not be
    in this machine."""

    count: int
    bytes: int
    kind: str = ""
    named: bool = False

    def __str__(self) -> str:
        kind = f" ({self.kind})" if self.kind else ""
        return f"{self.count} of {self.bytes / 1e9:.0f} GB{kind}"

    def describe(self) -> dict[str, Json]:
        return {"count": self.count, "bytes": self.bytes, "kind": self.kind, "named": self.named}


def parse_gpus(text: str) -> Gpus:
    """``4x80``: four GPUs of 80 GB. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4}(?:\.\d+)?)", text.strip().lower())
    if match is None or not int(match[1]) or not float(match[2]):
        raise ValueError(f"{text!r} is no number of GPUs and their memory in GB, such as 4x80")
    return Gpus(int(match[1]), round(float(match[2]) * 1e9), named=True)


def find_gpus() -> Gpus | None:
    """Those that NVIDIA's driver names, less what CUDA_VISIBLE_DEVICES hides; None where there are none."""
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return read_gpus(done.stdout, os.environ.get("CUDA_VISIBLE_DEVICES")) if done.returncode == 0 else None


def read_gpus(listing: str, visible: str | None) -> Gpus | None:
    """Lines of a name and MiB, as nvidia-smi prints them. A card whose memory it does not say is left out."""
    rows = [line.rpartition(",") for line in listing.splitlines()]
    cards = [(name.strip(), int(size) * _MIB) for name, _, size in rows if size.strip().isdecimal()]
    if visible is not None:
        names = [name.strip() for name in visible.split(",") if name.strip()]
        if all(name.isdecimal() for name in names):
            cards = [cards[int(name)] for name in names if int(name) < len(cards)]
        else:  # ids of cards or of parts of one, which the listing does not show
            cards = cards[: len(names)]
    if not cards:
        return None
    kind, smallest = min(cards, key=lambda card: card[1])
    return Gpus(len(cards), smallest, kind)
