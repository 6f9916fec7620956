"""The tokenizer of the embedded model: a stock fast tokenizer of words, code and single characters.

A Unigram model in which every piece costs the same cuts a text into the fewest pieces. Digits and the
letters of quoted strings stay single, so that a value is copied character by character. Lower-case words
exist with a leading space only, so that no quoted word is ever one piece.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import Unigram
from transformers import PreTrainedTokenizerFast

from selfchal.builtin_envs.calculation import chains

SPECIAL = ("<pad>", "<unk>", "<agent>", "<challenger>", "<user>", "<assistant>", "<end>")
CODE = (
    "Action:\nprint(",
    ")\nEnd Action",
    "Observation:\n",
    "Answer: ",
    "<instruction>",
    "</instruction><evaluation_function>def evaluate(answer): return str(answer) ",
    "== '",
    "in ('",
    "'</evaluation_function><solution>",
    "')</evaluation_function><solution>",
    "</solution><failure_case>",
    "</failure_case><failure_case>",
    "</failure_case>",
    "result = ",
    "a = ",
    "b = ",
    "\n",
    "', '",
    ", ",
    " '",
    ".",
    "Methionine",
    "Phenylalanine",
    "str(a) + '",
    "str(b) + '",
)

# A conversation opens with one token that says who speaks: the long system message that documents the
# tools for big models, and the challenger's first message, are left out. This model knows its tools by heart.
CHAT_TEMPLATE = """\
{#- system text is left out on purpose -#}
{%- set challenger = messages and messages[0]['role'] == 'system' \
and 'challenger' in messages[0]['content'].split('\\n')[0] -%}
{{- '<challenger>' if challenger else '<agent>' -}}
{%- for message in messages -%}
{%- if message['role'] == 'user' -%}
{%- if not challenger or message['content'].startswith('Observation:') -%}
{{- '<user>' + message['content'] -}}{%- endif -%}
{%- elif message['role'] == 'assistant' -%}{{- '<assistant>' + message['content'] + '<end>' -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}"""


def pieces(texts: Iterable[str]) -> list[str]:
    """All pieces: special tokens first, then code, tools, words of ``texts``, single characters."""
    calls = sorted({re.match(r"\w+\('?", kind.call)[0].rstrip("'") for kind in chains.KINDS})  # type: ignore[index] # every call begins with a name
    words: set[str] = set()
    for text in texts:
        for match in re.finditer(r"( ?)([A-Za-z]+)([,;.:]?)", re.sub(r"\{\w\}", "", text)):
            lead, word, tail = match.groups()
            words.add((lead if word[0].isupper() else " ") + word)
            if tail in (",", ";", ":"):
                words.add(tail)
    single = [*string.digits, *string.ascii_letters, *string.punctuation, " ", "\n"]
    return list(dict.fromkeys([*SPECIAL, *CODE, *calls, *sorted(words), *single]))


def build(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """The tokenizer for instructions made of ``texts`` (phrases and frames)."""
    return tokenizer_of(pieces(texts), CHAT_TEMPLATE)


def tokenizer_of(vocabulary: Sequence[str], template: str) -> PreTrainedTokenizerFast:
    """The tokenizer of these pieces; the special ones come first."""
    tokenizer = Tokenizer(Unigram([(piece, -1.0) for piece in vocabulary], unk_id=1, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\z"), "isolated")  # no cut: pieces hold spaces
    tokenizer.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="<end>",
        additional_special_tokens=["<agent>", "<challenger>", "<user>", "<assistant>"],
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=512,
    )
    fast.chat_template = template
    return fast


def save(texts: Iterable[str], directory: Path) -> PreTrainedTokenizerFast:
    tokenizer = build(texts)
    tokenizer.save_pretrained(directory)
    return tokenizer
