"""Writes a checkpoint that plain transformers loads as it would load the model that training began with.

What is trained are weights alone, so the configurations in a checkpoint are those of the source. Trainers
may change them in memory (TRL writes the special ids of its own tokenizer into them). transformers refuses
to write a generation_config.json that holds sampling values beside ``do_sample: false``, as some published
models have it, so that file is copied as it is.
Heavy: imports transformers.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import GENERATION_CONFIG_NAME
from transformers.utils.hub import cached_file


@dataclass(frozen=True)
class SourceConfigs:
    """A network's configuration as it was loaded, and its generation_config.json, if it has one.

    ``adapted``: LoRA is on. Its checkpoints hold the adapter alone and name the model that it belongs to,
    where transformers finds the configurations.
    """

    config: Any  # a PreTrainedConfig
    generation: bytes | None
    adapted: bool

    @classmethod
    def read(cls, path: str, network: Any, *, adapted: bool) -> SourceConfigs:
        """Of the model at ``path``, a directory or a hub name, that was just loaded as ``network``."""
        file = cached_file(path, GENERATION_CONFIG_NAME, _raise_exceptions_for_missing_entries=False)
        return cls(copy.deepcopy(network.config), Path(file).read_bytes() if file else None, adapted)

    def save(self, network: Any, tokenizer: PreTrainedTokenizerBase, directory: Path) -> None:
        """Write the weights (or the adapter, as peft lays it out) as safetensors, and the tokenizer."""
        directory.mkdir(parents=True, exist_ok=True)
        tokenizer.save_pretrained(directory)
        if self.adapted:
            network.save_pretrained(directory)
            return
        with self._put_back(network):
            network.save_pretrained(directory)
        generation = directory / GENERATION_CONFIG_NAME
        generation.unlink(missing_ok=True)
        if self.generation is not None:
            generation.write_bytes(self.generation)

    @contextmanager
    def _put_back(self, network: PreTrainedModel) -> Iterator[None]:
        """Within, the network has its first configuration, and one of generation that can be written."""
        before = network.config, network.generation_config
        network.config, network.generation_config = copy.deepcopy(self.config), GenerationConfig()
        try:
            yield
        finally:
            network.config, network.generation_config = before
