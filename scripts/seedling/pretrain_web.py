"""Pretrain the embedded model's web_browsing: ``python scripts/seedling/pretrain_web.py --seed 0 --out DIR``.

The same kind of model, made in the same way as ``pretrain.py`` makes the one for calculation.
"""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from pathlib import Path

import pretrain
import torch
import web_tokens
import web_transcripts
from transformers import Lfm2ForCausalLM

INNER = 96  # the tokenizer is larger, so the layers are narrower inside
UPDATES = 6000
RATE = 0.01


def pretrain_web(seed: int, batch: int, out: Path, updates: int = UPDATES) -> None:
    torch.manual_seed(seed)
    mix = web_transcripts.Mix()
    tokenizer = web_tokens.build()
    tokenizer.save_pretrained(out)
    network = Lfm2ForCausalLM(pretrain.config(len(tokenizer), inner=INNER))
    network.train()
    source = pretrain.rows(web_transcripts.conversations(random.Random(seed), mix), tokenizer)
    pretrain.train(network, pretrain.batches(source, batch), updates, RATE)
    pretrain.save(network, out)
    record = {"seed": seed, "batch": batch, "updates": updates, "rate": RATE, "mix": asdict(mix)}
    (out / "pretraining.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    given = pretrain.options(__doc__, batch=16)
    pretrain_web(given.seed, given.batch, given.out)
