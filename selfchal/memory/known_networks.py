"""The configurations of the models that the examples and docs/gpu.md name, for machines that lack them.

Numbers of the ``config.json`` that each has on its hub, by hub name. What is found on the disk goes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEYS = (
    "model_type",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "vocab_size",
    "tie_word_embeddings",
    "max_position_embeddings",
)
_ROWS: dict[str, tuple[Any, ...]] = {
    "meta-llama/Llama-3.1-8B": ("llama", 4096, 14336, 32, 32, 8, 128, 128_256, False, 131_072),
    "meta-llama/Llama-3.2-1B": ("llama", 2048, 8192, 16, 32, 8, 64, 128_256, True, 131_072),
    "meta-llama/Llama-3.2-3B": ("llama", 3072, 8192, 28, 24, 8, 128, 128_256, True, 131_072),
    "Qwen/Qwen2.5-0.5B": ("qwen2", 896, 4864, 24, 14, 2, 64, 151_936, True, 32_768),
    "Qwen/Qwen2.5-1.5B": ("qwen2", 1536, 8960, 28, 12, 2, 128, 151_936, True, 32_768),
    "Qwen/Qwen2.5-7B": ("qwen2", 3584, 18944, 28, 28, 4, 128, 152_064, False, 32_768),
    "Qwen/Qwen2.5-14B": ("qwen2", 5120, 13824, 48, 40, 8, 128, 152_064, False, 32_768),
    "Qwen/Qwen2.5-32B": ("qwen2", 5120, 27648, 64, 40, 8, 128, 152_064, False, 32_768),
    "Qwen/Qwen3-0.6B": ("qwen3", 1024, 3072, 28, 16, 8, 128, 151_936, True, 40_960),
    "Qwen/Qwen3-1.7B": ("qwen3", 2048, 6144, 28, 16, 8, 128, 151_936, True, 40_960),
    "Qwen/Qwen3-8B": ("qwen3", 4096, 12288, 36, 32, 8, 128, 151_936, False, 40_960),
    "HuggingFaceTB/SmolLM2-135M": ("llama", 576, 1536, 30, 9, 3, 64, 49_152, True, 8192),
}


def find_known_config(name: str) -> Mapping[str, Any] | None:
    """Of a hub name, with or without ``-Instruct``; None where it is not one of these."""
    row = _ROWS.get(name.removesuffix("-Instruct"))
    return None if row is None else dict(zip(_KEYS, row, strict=True))
