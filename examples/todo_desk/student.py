"""Writes a tiny language model into a folder: random weights, and a tokenizer made from a text.

python student.py TEXT [FOLDER]

It stands in for a model from a hub where a page of the documentation has to run in seconds on any machine. It
can be trained like any other, and learns by heart what it is shown. There is too little of it for more.
"""

import argparse
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PAD, START, END = SPECIALS = ["<|pad|>", "<|im_start|>", "<|im_end|>"]


def make_tokenizer(text: Path) -> PreTrainedTokenizerFast:
    tokens = Tokenizer(models.BPE())
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=2000, initial_alphabet=alphabet, special_tokens=SPECIALS, show_progress=False
    )
    tokens.train([str(text)], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token=PAD, eos_token=END, chat_template=TEMPLATE
    )


def make_model(vocabulary: int) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=192,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        pad_token_id=SPECIALS.index(PAD),
        bos_token_id=None,
        eos_token_id=SPECIALS.index(END),
    )
    return LlamaForCausalLM(config)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("student"))
    options = parser.parse_args()
    logging.disable_progress_bar()
    tokenizer = make_tokenizer(options.text)
    model = make_model(len(tokenizer))
    model.save_pretrained(options.folder)
    tokenizer.save_pretrained(options.folder)
    print(f"{options.folder}: {model.num_parameters():,} weights, {len(tokenizer):,} tokens")


if __name__ == "__main__":
    main()
