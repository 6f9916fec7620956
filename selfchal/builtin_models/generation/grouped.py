"""Generation for networks whose state the ragged cache cannot hold: rows of equal length together, no reuse.

It is exact for every causal network in transformers, as no row is ever padded. It is slow where prompts
differ in length: each length makes a batch of its own, and every turn feeds its whole conversation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel

from selfchal.builtin_models.generation.ragged_cache import cache_name
from selfchal.builtin_models.generation.rows import Row, make_rows, record
from selfchal.builtin_models.generation.sampling import draw, uniforms
from selfchal.builtin_models.generation.stops import StopStrings
from selfchal.core.model import Sampling


class GroupedDecoder:
    """Generates as ``Decoder`` does, one whole turn a call."""

    def __init__(self, network: PreTrainedModel, *, context: int, rows: int) -> None:
        self._network = network
        self._context = context
        self._most_rows = rows
        self._cache = cache_name(network)

    def on_weights_updated(self) -> None:
        """Does nothing: no cache is kept from one call to the next."""

    def free_memory(self) -> None:
        """Does nothing, for the same reason."""

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        stops: StopStrings,
        ends: frozenset[int],
    ) -> list[Row]:
        training = self._network.training
        self._network.eval()
        rows = make_rows(prompts, sampling, self._context)
        groups: dict[int, list[Row]] = {}
        for row in rows:
            if not row.ended:
                groups.setdefault(len(row.prompt), []).append(row)
        chunks = [
            group[start : start + self._most_rows]
            for group in groups.values()
            for start in range(0, len(group), self._most_rows)
        ]
        try:
            with torch.inference_mode():
                for chunk in chunks:
                    self._run(chunk, sampling, stops, ends)
        finally:
            self._network.train(training)
        return rows

    def _run(self, rows: list[Row], sampling: Sampling, stops: StopStrings, ends: frozenset[int]) -> None:
        device, cache = self._network.device, None
        streams = np.array([row.stream for row in rows], dtype=np.uint64)
        ids = torch.tensor([row.prompt for row in rows], device=device)
        step = 0
        while not all(row.ended for row in rows):
            kept = {self._cache: cache}
            output = self._network(input_ids=ids, use_cache=True, logits_to_keep=1, **kept)
            cache = output[self._cache]
            noise = torch.from_numpy(uniforms(streams, np.full(len(rows), step, dtype=np.uint64))).to(device)
            tokens, logprobs = draw(output.logits[:, -1], noise, sampling.temperature, sampling.top_p)
            record(rows, tokens.tolist(), logprobs.tolist(), stops, ends)
            ids, step = tokens[:, None], step + 1
