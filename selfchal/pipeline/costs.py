"""What a run has spent: tokens of its models by purpose, seconds, and money where prices are given."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, astuple, dataclass, field

from selfchal.core.episode import Episode
from selfchal.core.model import Prices
from selfchal.core.world import Json
from selfchal.pipeline.manifest import Choice, Manifest
from selfchal.pipeline.requirements import find_prices
from selfchal.pipeline.store import Store

PURPOSES = ("exam", "challenge", "train", "evaluate")  # of stored episodes
_MILLION = 1_000_000


@dataclass(frozen=True)
class Usage:
    """Episodes, their tokens and their turns. ``read`` counts a conversation anew at every turn, as endpoints
    bill it; ``cut`` are the turns that max_tokens cut."""

    episodes: int = 0
    sampled: int = 0
    read: int = 0
    turns: int = 0
    cut: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def scale(self, episodes: float) -> Usage:
        """What so many episodes of this kind take."""
        factor = episodes / self.episodes if self.episodes else 0.0
        return Usage(round(episodes), *(round(count * factor) for count in astuple(self)[1:]))

    def price(self, prices: Prices) -> float:
        return (self.read * prices.input + self.sampled * prices.output) / _MILLION


def measure_usage(episodes: Iterable[Episode]) -> Usage:
    """From the stored masks: a turn is a run of sampled tokens, and all that stands before it was read."""
    count = sampled = read = turns = cut = 0
    for episode in episodes:
        mask = bytes(episode.mask)
        count, sampled, cut = count + 1, sampled + mask.count(1), cut + len(episode.cut_turns)
        start = mask.find(b"\x00\x01")
        while start >= 0:
            read, turns = read + start + 1, turns + 1
            start = mask.find(b"\x00\x01", start + 1)
    return Usage(count, sampled, read, turns, cut)


@dataclass
class Ledger:
    """The usage of every stored batch; each is counted once, however often it is asked for."""

    store: Store
    _batches: dict[tuple[str, str], Usage] = field(default_factory=dict)

    def total(self, purpose: str, prefix: str = "") -> Usage:
        """Of the batches of a purpose whose key begins so."""
        keys = [key for key in self.store.keys(purpose) if key.startswith(prefix)]
        for key in keys:
            if (purpose, key) not in self._batches:
                self._batches[purpose, key] = measure_usage(self.store.episodes(purpose, key))
        return sum((self._batches[purpose, key] for key in keys), Usage())


@dataclass(frozen=True)
class Clock:
    """Wall time of a run, over all its attempts."""

    earlier: float
    opened: float

    @classmethod
    def start(cls, store: Store) -> Clock:
        return cls(sum(store.fact("seconds", {}).values()), time.monotonic())

    @property
    def seconds(self) -> float:
        return self.earlier + time.monotonic() - self.opened


def compute_money(manifest: Manifest, spent: Mapping[str, Usage]) -> float | None:
    """What usage by purpose cost; None where that of a model is not known, or none costs anything."""
    choices = {purpose: _find_model(manifest, purpose) for purpose, usage in spent.items() if usage.episodes}
    prices = {purpose: find_prices(choice.plugin, choice.config) for purpose, choice in choices.items()}
    known = {purpose: price for purpose, price in prices.items() if price is not None}
    if len(known) < len(prices) or not any(price != Prices() for price in known.values()):
        return None
    return sum(spent[purpose].price(price) for purpose, price in known.items())


def _find_model(manifest: Manifest, purpose: str) -> Choice:
    """The model whose episodes these are."""
    if purpose in ("exam", "challenge"):
        return manifest.challenger or manifest.model
    return (manifest.teacher if purpose == "train" else None) or manifest.model


def describe_spent(manifest: Manifest, ledger: Ledger, seconds: float) -> dict[str, Json]:
    """What results say of it: by purpose and in all."""
    spent = {purpose: ledger.total(purpose) for purpose in PURPOSES}
    rows: dict[str, Json] = {
        p: _describe(manifest, {p: usage}) for p, usage in spent.items() if usage.episodes
    }
    return rows | {"all": {**_describe(manifest, spent), "seconds": round(seconds, 1)}}


_CURES = {"exam": "rollout.challenge_tokens", "challenge": "rollout.challenge_tokens"}


def list_cut_lines(spent: Mapping[str, Json]) -> list[str]:
    """Of what ``describe_spent`` gives: how many turns of each purpose were cut, where any were."""
    return [
        f"{purpose}: {row['cut']:,} of {row['turns']:,} turns were cut at "
        f"{_CURES.get(purpose, 'rollout.max_tokens')} ({row['cut'] / row['turns']:.1%})"
        for purpose, row in spent.items()
        if purpose in PURPOSES and row.get("cut")
    ]


def _describe(manifest: Manifest, spent: Mapping[str, Usage]) -> dict[str, Json]:
    usage = sum(spent.values(), Usage())
    money = compute_money(manifest, spent)
    row: dict[str, Json] = asdict(usage)
    return row if money is None else {**row, "money": round(money, 4)}
