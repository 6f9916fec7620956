"""Pretrain the embedded model: ``python scripts/seedling/pretrain.py --seed 0 --out DIR [--threads 2]``.

Writes a directory that transformers loads: config, float16 weights, tokenizer, chat template.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import phrases
import tokens
import torch
import transcripts
from optimiser import optimisers
from transformers import Lfm2Config, Lfm2ForCausalLM, PreTrainedTokenizerFast

from selfchal.builtin_envs.calculation.wording import DEV, TEST
from selfchal.builtin_models.malloc import keep_freed_memory

Row = tuple[list[int], list[int]]  # ids, and labels (-100 where nothing is learnt)


def texts() -> list[str]:
    """Every word that may stand in an instruction. Held-out wording gives its words (not its phrases):
    the few that the training phrases lack get a token of their own, which stays untrained."""
    own = [
        p
        for table in (phrases.PHRASES, phrases.CONNECTORS, phrases.NOUNS)
        for ps in table.values()
        for p in ps
    ]
    held = [p for w in (TEST, DEV) for table in (w.phrases, w.frames) for ps in table.values() for p in ps]
    return [*own, *phrases.REFERENCES, *held, *TEST.references, *DEV.references]


def config(vocabulary: int, inner: int = 256) -> Lfm2Config:
    layers = ["conv", "full_attention"] * 3
    return Lfm2Config(
        vocab_size=vocabulary,
        hidden_size=128,
        intermediate_size=inner,
        num_hidden_layers=len(layers),
        num_attention_heads=4,
        num_key_value_heads=4,
        layer_types=layers,
        conv_L_cache=4,
        conv_bias=False,
        block_auto_adjust_ff_dim=False,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=tokens.SPECIAL.index("<end>"),
    )


def conversations(rng: random.Random, mix: transcripts.Mix) -> Iterator[list[transcripts.Segment]]:
    while True:
        yield transcripts.sample(rng, mix)


def rows(
    conversations: Iterable[list[transcripts.Segment]], tokenizer: PreTrainedTokenizerFast
) -> Iterator[Row]:
    for conversation in conversations:
        ids: list[int] = []
        labels: list[int] = []
        for text, learnt in conversation:
            piece = tokenizer.encode(text, add_special_tokens=False)
            ids += piece
            labels += piece if learnt else [-100] * len(piece)
        yield ids, labels


def batches(source: Iterator[Row], size: int, pool: int = 12) -> Iterator[list[Row]]:
    """Batches of rows of like length (little padding), in random order within a pool of batches."""
    shuffle = random.Random(0)
    while True:
        pooled = sorted((next(source) for _ in range(size * pool)), key=lambda row: len(row[0]))
        order = list(range(pool))
        shuffle.shuffle(order)
        for index in order:
            yield pooled[index * size : (index + 1) * size]


def loss_of(network: Lfm2ForCausalLM, batch: list[Row]) -> torch.Tensor:
    """Mean loss of the learnt tokens; rows are padded on the right, which causal layers do not see."""
    width = max(len(ids) for ids, _ in batch)
    ids = torch.tensor([row + [0] * (width - len(row)) for row, _ in batch])
    labels = torch.tensor([row + [-100] * (width - len(row)) for _, row in batch])
    hidden = network.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    wanted = labels[:, 1:]
    learnt = wanted != -100
    return torch.nn.functional.cross_entropy(network.lm_head(hidden[learnt]), wanted[learnt])


UPDATES = 1600
RATE = 0.01  # falls linearly to 0


def pretrain(seed: int, batch: int, out: Path) -> None:
    torch.manual_seed(seed)
    mix = transcripts.Mix()
    tokenizer = tokens.save(texts(), out)
    network = Lfm2ForCausalLM(config(len(tokenizer)))
    network.train()
    train(network, batches(rows(conversations(random.Random(seed), mix), tokenizer), batch), UPDATES, RATE)
    save(network, out)
    record = {"seed": seed, "batch": batch, "updates": UPDATES, "rate": RATE, "mix": asdict(mix)}
    (out / "pretraining.json").write_text(json.dumps(record, indent=2) + "\n")


def train(network: Lfm2ForCausalLM, source: Iterator[list[Row]], updates: int, rate: float) -> None:
    """``rate`` rises over 50 updates and then falls linearly to 0."""
    opts = optimisers(network, rate)
    started, seen, smooth = time.monotonic(), 0, 0.0
    for update in range(updates):
        scale = min(1.0, (update + 1) / 50) * (1 - update / updates)
        for opt in opts:
            for group in opt.param_groups:
                group["lr"] = group.setdefault("base", group["lr"]) * scale
        data = next(source)
        loss = loss_of(network, data)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for opt in opts:
            opt.step()
            opt.zero_grad(set_to_none=True)
        seen += sum(len(ids) for ids, _ in data)
        smooth = loss.item() if update == 0 else 0.97 * smooth + 0.03 * loss.item()
        if update % 100 == 99 or update == updates - 1:
            seconds = time.monotonic() - started
            speed = f"{seconds:.0f} s, {seen / seconds:.0f} tokens/s"
            print(f"update {update + 1}/{updates}: loss {smooth:.3f}, {speed}", flush=True)


def save(network: Lfm2ForCausalLM, out: Path) -> None:
    """Float16 on disk; whoever loads it computes in float32."""
    rounded = {name: value.to(torch.float16) for name, value in network.state_dict().items()}
    del rounded["lm_head.weight"]  # tied to the embedding
    network.save_pretrained(out, state_dict=rounded)


def options(description: str | None, batch: int) -> argparse.Namespace:
    """The command line of a pretraining; threads and the directory are seen to."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    keep_freed_memory()
    given.out.mkdir(parents=True, exist_ok=True)
    return given


def main() -> None:
    given = options(__doc__, batch=32)
    pretrain(given.seed, given.batch, given.out)


if __name__ == "__main__":
    main()
