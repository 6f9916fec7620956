"""A copy of the trained weights of a ``transformers`` model, for sampling while the model itself is updated.

Weights that are not trained (those below a LoRA adapter) are shared with the model and not copied: the copy
costs as much memory as what is trained, and a decoder's caches of its own. Heavy: imports torch.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, ClassVar

import torch
from pydantic import BaseModel
from torch import Tensor

from selfchal.builtin_models.config import TransformersConfig
from selfchal.builtin_models.loaded_model import LoadedModel, make_configured_decoder
from selfchal.builtin_models.rendered import RendersLoaded
from selfchal.core.model import Capability, Generation, Sampling, Stream


class Snapshot(RendersLoaded[LoadedModel]):
    """``selfchal.core.ahead.SamplerAhead`` of a model in this process."""

    name: ClassVar[str] = "transformers"
    Config: ClassVar[type[BaseModel]] = TransformersConfig

    @classmethod
    def provides(cls, config: Any) -> frozenset[Capability]:
        return frozenset(Capability) - {Capability.GRADIENTS}

    def __init__(self, config: TransformersConfig, trained: LoadedModel) -> None:
        self._trained = trained
        network = _copy_trained(trained.network)
        decoder = make_configured_decoder(network, config, trained.context)
        self._loaded = replace(trained, network=network, decoder=decoder, lock=threading.RLock())
        self._version = -1

    def take_weights(self) -> int:
        """Copy them over; every call counts as a change."""
        with torch.no_grad():
            for mine, theirs in zip(
                _list_tensors(self._loaded.network), _list_tensors(self._trained.network), strict=True
            ):
                if mine is not theirs:
                    mine.copy_(theirs)
        self._loaded.on_weights_updated()
        self._version += 1
        return self._version

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        said = self._loaded.turns.generate(prompts, sampling)
        return [replace(one, weights_version=self._version) for one in said]

    def stream(self, sampling: Sampling) -> Stream:
        return _Versioned(self._loaded.turns.stream(sampling), self._version)

    def reset_cache(self) -> None:
        self._loaded.on_weights_updated()

    def close(self) -> None:
        """Drop the caches; the weights go with the object."""
        self._loaded.on_weights_updated()


@dataclass(frozen=True)
class _Versioned:
    """A stream whose generations say which weights sampled them."""

    stream: Stream
    version: int

    def join(self, key: int, prompt: Sequence[int]) -> None:
        self.stream.join(key, prompt)

    def advance(self) -> list[tuple[int, Generation]]:
        return [(key, replace(said, weights_version=self.version)) for key, said in self.stream.advance()]


def _copy_trained(network: Any) -> Any:
    """The network with tensors of its own for whatever training may change, and the others shared."""
    shared = {id(weight): weight for weight in network.parameters() if not weight.requires_grad}
    return copy.deepcopy(network, shared).requires_grad_(False).eval()


def _list_tensors(network: Any) -> list[Tensor]:
    return list(chain(network.parameters(), network.buffers()))
