"""The sizes of a network that decide what memory it takes, read from a transformers ``config.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")  # whose parameters and activations are counted exactly


@dataclass(frozen=True)
class NetworkShape:
    """A decoder of equal layers: attention with grouped keys and values, then a gated MLP."""

    layers: int
    width: int  # of the hidden states
    heads: int
    kv_heads: int
    head_width: int
    inner: int  # of the MLP
    vocabulary: int
    tied: bool  # the output layer shares the embeddings' weights
    biased: bool = False  # queries, keys and values have a bias
    head_norms: bool = False  # queries and keys are normalised, head by head
    positions: int = 4096  # the longest conversation that it was made for

    @property
    def query_width(self) -> int:
        return self.heads * self.head_width

    @property
    def kv_width(self) -> int:
        """Of the keys of one token in one layer; its values take as much."""
        return self.kv_heads * self.head_width

    @property
    def linears(self) -> tuple[tuple[int, int], ...]:
        """The (inputs, outputs) of a layer's matrices: query, key, value, output, gate, up, down."""
        w, q, kv, i = self.width, self.query_width, self.kv_width, self.inner
        return ((w, q), (w, kv), (w, kv), (q, w), (w, i), (w, i), (i, w))

    @property
    def layer_parameters(self) -> int:
        biases = self.query_width + 2 * self.kv_width if self.biased else 0
        norms = 2 * self.width + (2 * self.head_width if self.head_norms else 0)
        return sum(inputs * outputs for inputs, outputs in self.linears) + biases + norms

    @property
    def embedding_parameters(self) -> int:
        """Of the embeddings alone."""
        return self.vocabulary * self.width

    @property
    def end_parameters(self) -> int:
        """Of embeddings, output layer and the last norm."""
        return self.embedding_parameters * (1 if self.tied else 2) + self.width

    @property
    def parameters(self) -> int:
        return self.layers * self.layer_parameters + self.end_parameters

    @property
    def kv_values(self) -> int:
        """Numbers that the key/value cache keeps of one token."""
        return 2 * self.kv_width * self.layers


def read_shape(config: Mapping[str, Any]) -> NetworkShape | None:
    """The shape of a ``config.json``; None for a family of networks that this arithmetic does not know, and
    for a file that is broken, whose fault is told when the model is loaded."""
    if config.get("model_type") not in FAMILIES:
        return None
    try:
        return _read_known(config)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None


def _read_known(config: Mapping[str, Any]) -> NetworkShape:
    family = config["model_type"]
    width, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    return NetworkShape(
        layers=int(config["num_hidden_layers"]),
        width=width,
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        head_width=int(config.get("head_dim") or width // heads),
        inner=int(config["intermediate_size"]),
        vocabulary=int(config["vocab_size"]),
        tied=bool(config.get("tie_word_embeddings", False)),
        biased=family == "qwen2" or bool(config.get("attention_bias")),
        head_norms=family == "qwen3",
        positions=int(config.get("max_position_embeddings") or 4096),
    )
