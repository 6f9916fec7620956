"""A loaded transformers model: network, tokenizer, renderer and decoder, and its weights on disk.

Heavy: imports torch and transformers.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from selfchal.builtin_models import loading
from selfchal.builtin_models.config import TransformersConfig
from selfchal.builtin_models.generation.decoder import Decoder
from selfchal.builtin_models.generation.grouped import GroupedDecoder
from selfchal.builtin_models.malloc import keep_freed_memory
from selfchal.builtin_models.rendering import Renderer, make_renderer
from selfchal.builtin_models.saved_model import SourceConfigs
from selfchal.builtin_models.turn_sampler import TurnSampler, make_decoder
from selfchal.builtin_models.weight_sources import check_source
from selfchal.core.errors import ModelError


@dataclass
class LoadedModel:
    """``network`` is what is trained: the transformers model itself, or peft's wrapper around it."""

    network: Any  # PreTrainedModel, or peft's PeftModel, which shares its methods and no class
    tokenizer: PreTrainedTokenizerBase
    renderer: Renderer
    decoder: Decoder | GroupedDecoder
    context: int  # the most tokens of a conversation
    adapted: bool  # LoRA is on: only the adapter is trained, saved and loaded
    source: SourceConfigs

    lock: AbstractContextManager[object] = field(default_factory=threading.RLock)  # whoever samples holds it

    def __post_init__(self) -> None:
        self.turns = TurnSampler(self.renderer, self.decoder, self.context, self.lock)

    def on_weights_updated(self) -> None:
        self.decoder.on_weights_updated()

    def save(self, directory: Path) -> None:
        """Write the weights (or the adapter, as peft lays it out) as safetensors, and the tokenizer."""
        self.source.save(self.network, self.tokenizer, directory)

    def load(self, directory: Path) -> None:
        """Copy saved weights into the network. Its tensors stay the same objects, as optimisers hold them."""
        load_into(self.network, directory, adapted=self.adapted)
        self.on_weights_updated()


def load_model(config: TransformersConfig, path: str) -> LoadedModel:
    """Load the tokenizer and the network of ``path``. Raises ModelError."""
    loading.silence_transformers()
    path = loading.expand_home(path)
    check_source(path)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    tokenizer = loading.load_tokenizer(path)
    network = loading.load_network(config, path=path, tokenizer=tokenizer)
    if network.device.type == "cpu":
        keep_freed_memory()
    adapted = config.lora is not None
    source = SourceConfigs.read(path, network, adapted=adapted)
    ends = loading.end_ids(path, tokenizer)
    renderer = make_renderer(tokenizer, ends, config)
    context = config.context or loading.max_positions(path)
    return LoadedModel(
        network,
        tokenizer,
        renderer,
        make_configured_decoder(network, config, context),
        context,
        adapted,
        source,
    )


def make_configured_decoder(
    network: Any, config: TransformersConfig, context: int
) -> Decoder | GroupedDecoder:
    """The decoder that a model's options ask for."""
    # peft changes layers in place, so the model inside its wrapper generates with the adapters too.
    core: PreTrainedModel = network.get_base_model() if config.lora is not None else network
    cache_bytes = None if config.prefix_cache_mb is None else config.prefix_cache_mb * 2**20
    return make_decoder(core, context=context, rows=config.batch, cache_bytes=cache_bytes)


def load_into(network: Any, directory: Path, *, adapted: bool) -> None:
    """Put saved weights, or a saved adapter, into this network.

    Raises ModelError where they do not fit or are not finite.
    """
    if adapted:
        _load_adapter(network, directory)
    else:
        _load_weights(network, directory)
    loading.check_finite(network, directory)


def _load_weights(network: PreTrainedModel, directory: Path) -> None:
    files = sorted(directory.glob("model*.safetensors"))
    if not files:
        raise ModelError(f"{directory} holds no model*.safetensors, so it is no checkpoint of this model.")
    state: dict[str, Tensor] = {}
    for file in files:
        state |= load_file(file)
    missing, unexpected = network.load_state_dict(state, strict=False)
    tied = set(network.all_tied_weights_keys)
    if unexpected or set(missing) - tied:
        misfit = (unexpected or missing)[0]
        raise ModelError(f"{directory} is a checkpoint of another model: {misfit} does not fit.")
    network.tie_weights()


def _load_adapter(network: Any, directory: Path) -> None:
    import peft

    if not (directory / "adapter_config.json").is_file():
        raise ModelError(f"{directory} holds no adapter_config.json, so it is no adapter of this model.")
    peft.set_peft_model_state_dict(network, peft.load_peft_weights(str(directory)))
