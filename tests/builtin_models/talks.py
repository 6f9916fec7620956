"""Conversations for the tests, and what a plain forward pass says of them."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch

from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.core.model import Generation, Message, Sampling

WORDS = ["find", "the", "price", "of", "nine", "parts", "then", "convert", "it", "Action", "print", "End"]


def prompts(model: TransformersModel, tasks: int = 4, group: int = 3, seed: int = 0) -> list[list[int]]:
    """``tasks`` prompts of different lengths, each ``group`` times."""
    choice = random.Random(seed)
    texts = [" ".join(choice.choices(WORDS, k=3 + 4 * task)) for task in range(tasks)]
    return [model.render_prompt([Message("user", text)]) for text in texts for _ in range(group)]


def go_on(
    model: TransformersModel, talks: Sequence[Sequence[int]], said: Sequence[Generation]
) -> list[list[int]]:
    """The conversations after an observation of its own length for each."""
    return [
        [*talk, *generation.ids, *model.render_turn(generation, Message("user", "x" * (number % 7)))]
        for number, (talk, generation) in enumerate(zip(talks, said, strict=True))
    ]


def play(
    model: TransformersModel, talks: list[list[int]], turns: int, sampling: Sampling
) -> list[list[Generation]]:
    """All generations, turn by turn."""
    out = []
    for _ in range(turns):
        out.append(model.generate(talks, sampling))
        talks = go_on(model, talks, out[-1])
    return out


def plain_logprobs(model: TransformersModel, prompt: Sequence[int], ids: Sequence[int]) -> torch.Tensor:
    """Log-probabilities of ``ids`` after ``prompt`` by one full, unpadded, uncached forward pass."""
    whole = torch.tensor([[*prompt, *ids]])
    with torch.no_grad():
        logits = model.network(input_ids=whole, use_cache=False).logits[0, len(prompt) - 1 : -1].double()
    return logits.log_softmax(-1).gather(-1, torch.tensor(ids)[:, None])[:, 0]
