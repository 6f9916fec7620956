"""Hand-made multi-turn episodes of unequal length, with log-probabilities of a slightly different policy."""

from __future__ import annotations

import random

import torch

from selfchal.core.episode import Episode, Group
from tests.builtin_trainers.toy import VOCABULARY, tiny_llama


def multi_turn(count: int = 8, seed: int = 3) -> list[Episode]:
    """2 to 4 turns, each of 1 to 4 agent tokens, observations of 1 to 3 between them and one at the end."""
    draw = random.Random(seed)
    episodes = []
    for sample in range(count):
        episode = Episode(
            task=f"task{sample // 4}", sample=sample, reward=float(sample % 4 < 1 + sample // 4)
        )
        _say(episode, draw, draw.randint(2, 5), own=0)
        for _ in range(draw.randint(2, 4)):
            _say(episode, draw, draw.randint(1, 4), own=1)
            _say(episode, draw, draw.randint(1, 3), own=0)
        episodes.append(episode)
    other = tiny_llama(seed=7)
    for episode in episodes:
        logprobs = all_logprobs(other, episode).tolist()
        episode.logprobs = [
            value if own else 0.0 for value, own in zip([0.0, *logprobs], episode.mask, strict=True)
        ]
    return episodes


def _say(episode: Episode, draw: random.Random, length: int, own: int) -> None:
    episode.ids += [draw.randrange(VOCABULARY) for _ in range(length)]
    episode.mask += [own] * length


def groups_of(episodes: list[Episode]) -> list[Group]:
    names = dict.fromkeys(episode.task for episode in episodes)
    return [Group(name, tuple(e for e in episodes if e.task == name)) for name in names]


def all_logprobs(network: torch.nn.Module, episode: Episode) -> torch.Tensor:
    """Of every id but the first, one episode alone, no padding: [length - 1]."""
    ids = torch.tensor([episode.ids])
    with torch.no_grad():
        logits = network(input_ids=ids).logits[0]  # [length, vocabulary]
    return torch.log_softmax(logits[:-1], -1).gather(1, ids[0, 1:, None])[:, 0]


def gradients(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


def agrees(one: torch.Tensor, other: torch.Tensor, relative: float = 1e-5) -> None:
    """To ``relative`` of the whole tensor's size: single entries near 0 are rounding."""
    assert float((one - other).norm() / other.norm()) < relative
