"""A small tokenizer with a chat template that knows tools, made without a hub."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any


def make_tokenizer(texts: Sequence[str]) -> Any:
    """Merges learned from the texts, so that they are few tokens; Qwen 3's template, which TRL has."""
    from tokenizers import Tokenizer
    from tokenizers.decoders import ByteLevel as ByteDecoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.trainers import BpeTrainer
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteDecoder()
    trainer = BpeTrainer(vocab_size=2_000, initial_alphabet=ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|pad|>")
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    fast.add_tokens(["<tool_call>", "</tool_call>", "<think>", "</think>"])
    fast.chat_template = (files("trl") / "chat_templates" / "qwen3.jinja").read_text()
    return fast
