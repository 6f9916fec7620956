"""Turns of many conversations out of one network: rendered prompts in, generations out, whole or as a stream.

Heavy: imports torch and transformers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from transformers import PreTrainedModel

from selfchal.builtin_models.generation.attention import use_ragged_attention
from selfchal.builtin_models.generation.decoder import ContinuousBatch, Decoder
from selfchal.builtin_models.generation.grouped import GroupedDecoder
from selfchal.builtin_models.generation.layout import find_layout
from selfchal.builtin_models.generation.rows import Row, RowMaker
from selfchal.builtin_models.generation.stops import StopStrings
from selfchal.builtin_models.rendering import Renderer
from selfchal.builtin_models.streaming import ContinuousStream
from selfchal.core.model import Generation, Sampling, Stream
from selfchal.core.turns import TurnStream

log = logging.getLogger(__name__)


@dataclass
class TurnSampler:
    """Samples turns with a decoder, which ``make_decoder`` gives, and reads them with a renderer.

    ``context`` is the most tokens of a conversation, as the decoder was told. ``lock`` is held whenever the
    decoder works, so that several threads may sample.
    """

    renderer: Renderer
    decoder: Decoder | GroupedDecoder
    context: int
    lock: AbstractContextManager[object] = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._stops: dict[tuple[str, ...], StopStrings] = {}

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        """A whole turn for each prompt, in order."""
        with self.lock:
            rows = self.decoder.generate(
                prompts, sampling, self._find_stops(sampling.stop), self.renderer.ends
            )
        return [self._read_generation(row) for row in rows]

    def stream(self, sampling: Sampling) -> Stream:
        """Turns that begin and end every few tokens; whole ones where the cache cannot be shared."""
        if isinstance(self.decoder, GroupedDecoder):
            return TurnStream(self.generate, sampling)
        running = ContinuousBatch(self.decoder, sampling, self._find_stops(sampling.stop), self.renderer.ends)
        return ContinuousStream(running, RowMaker(sampling, self.context), self._read_generation, self.lock)

    def reset_cache(self) -> None:
        """Drop what is kept of earlier conversations: after every update of the weights, too."""
        self.decoder.on_weights_updated()

    def _read_generation(self, row: Row) -> Generation:
        return Generation(tuple(row.ids), tuple(row.logprobs), self.renderer.text(row.ids), row.finished)

    def _find_stops(self, stops: tuple[str, ...]) -> StopStrings:
        if stops not in self._stops:
            self._stops[stops] = StopStrings(
                (*stops, *self.renderer.stops), self.renderer.decode, self.renderer.opened
            )
        return self._stops[stops]


def make_decoder(
    network: PreTrainedModel, *, context: int, rows: int, cache_bytes: int | None = None
) -> Decoder | GroupedDecoder:
    """The fast decoder where this network's cache allows it, which is tried; else the one that fits all.

    ``rows`` conversations go on at a time, each of at most ``context`` tokens. ``cache_bytes``: for
    conversations that may go on; by default as many as the memory allows.
    """
    use_ragged_attention(network)
    layout = find_layout(network)
    if layout is None:
        log.warning(
            "%s keeps a cache that cannot be shared or continued here: generation batches prompts of "
            "equal length and feeds every turn from its start.",
            type(network).__name__,
        )
        return GroupedDecoder(network, context=context, rows=rows)
    return Decoder(network, layout, context=context, rows=rows, cache_bytes=cache_bytes)
