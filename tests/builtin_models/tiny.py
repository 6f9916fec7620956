"""Tiny untrained models on disk: a byte-level tokenizer with merges, and decoders of several kinds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    Lfm2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3NextConfig,
)

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIALS = ["<|pad|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]
CORPUS = ["Action: print(find(1))\nEnd Action Answer: user assistant system Observation " * 3] * 5
SIZES: dict[str, Any] = {"hidden_size": 48, "intermediate_size": 96, "num_attention_heads": 4}


def tokenizer(
    template: str | None = CHATML, specials: Sequence[str] = SPECIALS, end: str = "<|im_end|>"
) -> PreTrainedTokenizerFast:
    """``end`` is the special token that ends a turn, ``specials[0]`` pads."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=325 + len(specials), initial_alphabet=alphabet, special_tokens=list(specials)
    )
    core.train_from_iterator(CORPUS, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token=end,
        pad_token=specials[0],
        additional_special_tokens=["<|im_start|>"] if specials is SPECIALS else list(specials[1:]),
    )
    made.chat_template = template
    return made


def config(kind: str, vocabulary: int) -> Any:
    shared: dict[str, Any] = {
        "vocab_size": vocabulary,
        "pad_token_id": 0,
        "eos_token_id": 2,
        "bos_token_id": None,
    }
    shared |= {"max_position_embeddings": 512}
    if kind == "lfm2":
        layers = ["conv", "full_attention", "conv", "full_attention"]
        return Lfm2Config(
            **shared, **SIZES, num_key_value_heads=2, num_hidden_layers=4, layer_types=layers,
            conv_L_cache=4, block_auto_adjust_ff_dim=False,
        )  # fmt: skip
    if kind == "million":
        layers = ["conv", "conv", "full_attention", "conv", "full_attention", "conv"]
        return Lfm2Config(
            **shared, hidden_size=128, intermediate_size=320, num_attention_heads=4, num_key_value_heads=2,
            num_hidden_layers=6, layer_types=layers, conv_L_cache=4, block_auto_adjust_ff_dim=False,
        )  # fmt: skip
    if kind == "llama":
        return LlamaConfig(**shared, **SIZES, num_key_value_heads=2, num_hidden_layers=3)
    if kind == "wide":  # heads of 32, the smallest that vLLM was seen to take
        wide: dict[str, Any] = {**SIZES, "hidden_size": 128}
        return LlamaConfig(**shared, **wide, num_key_value_heads=2, num_hidden_layers=2)
    if kind == "mistral":
        return MistralConfig(**shared, **SIZES, num_key_value_heads=2, num_hidden_layers=2, sliding_window=8)
    if kind == "gemma3":
        return Gemma3TextConfig(
            **shared, **SIZES, num_key_value_heads=2, num_hidden_layers=3, head_dim=16, sliding_window=8,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        )  # fmt: skip
    if kind == "qwen3":
        return Qwen3Config(**shared, **SIZES, num_key_value_heads=2, num_hidden_layers=2, head_dim=16)
    if kind == "qwen3_next":
        return Qwen3NextConfig(
            **shared, **SIZES, num_key_value_heads=2, num_hidden_layers=2, head_dim=16,
            layer_types=["linear_attention", "full_attention"], linear_num_value_heads=4,
            linear_num_key_heads=2, linear_key_head_dim=8, linear_value_head_dim=8, num_experts=4,
            num_experts_per_tok=2, moe_intermediate_size=32, shared_expert_intermediate_size=32,
        )  # fmt: skip
    return MambaConfig(
        vocab_size=vocabulary, hidden_size=48, num_hidden_layers=2, state_size=8, pad_token_id=0
    )


def write_model(directory: Path, kind: str, template: str | None = CHATML, scale: float = 4.0) -> Path:
    """An untrained model of this kind, its weights scaled so that its choices are not all alike."""
    tokens = tokenizer(template)
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_config(config(kind, len(tokens)))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.dim() > 1 and "conv" not in name:
                parameter.mul_(scale)
    network.save_pretrained(directory)
    tokens.save_pretrained(directory)
    return directory
