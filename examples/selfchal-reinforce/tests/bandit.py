"""A game of one token, a tiny network that plays it, and a report kept in memory.

The network is shown a letter and says one token. It passes if the token is the one that belongs to the
letter. Nobody tells it which that is. It must find out by trying, and passes once in ``VOCABULARY`` at first.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from selfchal.core.episode import End, Episode, Group
from selfchal.core.task import Task
from selfchal.core.trainer import Training

LETTERS, VOCABULARY = 4, 8
torch.set_num_threads(1)  # the network is so small that threads would only wait for each other


def tiny_network() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=8,
    )
    return LlamaForCausalLM(config).eval()


@dataclass
class TinyModel:
    """As much of a trainable model as the on-policy loop touches."""

    network: Any = field(default_factory=tiny_network)

    def on_weights_updated(self) -> None:
        """Nothing was remembered of the weights before."""


def tasks(count: int) -> list[Task]:
    return [Task(f"t{i}", "bandit", {"letter": i % LETTERS}, "", "", "", ("", "", "")) for i in range(count)]


@torch.no_grad()
def play(network: Any, chosen: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
    draw = torch.Generator().manual_seed(seed)
    letters = [int(str(task.context["letter"])) for task in chosen]
    logits = network(input_ids=torch.tensor(letters)[:, None]).logits[:, -1]  # [tasks, VOCABULARY]
    logprobs = torch.log_softmax(logits, -1)
    tokens = torch.multinomial(logprobs.exp(), samples, replacement=True, generator=draw)  # [tasks, samples]
    found = logprobs.gather(1, tokens)  # [tasks, samples]
    return [
        Group(task.id, tuple(_record(task, i, letters[row], *said) for i, said in enumerate(pairs)))
        for row, task in enumerate(chosen)
        for pairs in [zip(tokens[row].tolist(), found[row].tolist(), strict=True)]
    ]


def _record(task: Task, sample: int, letter: int, token: int, logprob: float) -> Episode:
    return Episode(
        task=task.id,
        sample=sample,
        ids=[letter, token],
        mask=[0, 1],
        logprobs=[0.0, logprob],
        reward=float(token == VOCABULARY - 1 - letter),
        end=End.ANSWER,
        steps=1,
    )


def pass_rate(network: Any) -> float:
    rewards = [reward for group in play(network, tasks(LETTERS), 100, seed=987) for reward in group.rewards]
    return sum(rewards) / len(rewards)


@dataclass
class MemoryProgress:
    """Keeps checkpoints as deep copies, as files would. At update ``stop_after`` the process "dies"."""

    model: TinyModel
    kept: list[tuple[int, Any, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stop_after: int | None = None

    def log(self, step: int, metrics: Any) -> None:
        if step == self.stop_after:
            raise KeyboardInterrupt

    def save(self, step: int, state: Any) -> None:
        self.kept.append((step, copy.deepcopy(state), copy.deepcopy(self.model.network.state_dict())))

    def latest(self) -> tuple[int, Any] | None:
        if not self.kept:
            return None
        step, state, weights = self.kept[-1]
        self.model.network.load_state_dict(weights)
        return step, copy.deepcopy(state)

    def total(self, steps: int) -> None:
        """There is no display."""

    def note(self, text: str) -> None:
        self.notes.append(text)

    def is_over(self) -> bool:
        return False


def training(model: TinyModel, progress: MemoryProgress, played: list[Episode] | None = None) -> Training:
    """Eight tasks; the episodes that are collected are also put into ``played``."""

    def collect(chosen: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        groups = play(model.network, chosen, samples, seed=seed)
        if played is not None:
            played.extend(episode for group in groups for episode in group.episodes)
        return groups

    return Training(model, tasks(8), [], collect, progress, seed=0)
