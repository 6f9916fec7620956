"""A two-turn game, a tiny random network that plays it, and a memory-only place to report to.

The agent is shown a letter, says a first token; the environment answers with a digit; the agent passes
if it repeats the digit. Nobody is told so: it must be found by trying.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from selfchal.core.episode import End, Episode, Group
from selfchal.core.task import Task
from selfchal.core.trainer import Training, WriteFiles

BOS, TURN, FIRST_DIGIT, DIGITS = 0, 1, 2, 4
VOCABULARY = 12


def tiny_llama(seed: int = 0, **changes: Any) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    shape = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "initializer_range": 0.1,
    }
    return LlamaForCausalLM(LlamaConfig(**{**shape, **changes})).eval()


class ToyModel:
    """As much of a TrainableModel as trainers touch; ``stale`` says whether an update went unannounced."""

    def __init__(self, network: Any = None) -> None:
        self.network = network if network is not None else tiny_llama()
        self.announced = 0

    def on_weights_updated(self) -> None:
        self.announced += 1

    def save(self, directory: Path) -> None:
        torch.save(self.network.state_dict(), directory / "weights.pt")

    def load(self, directory: Path) -> None:
        self.network.load_state_dict(torch.load(directory / "weights.pt"))


def tasks(count: int, prefix: str = "task") -> list[Task]:
    return [Task(f"{prefix}{i}", "toy", {"letter": i % 4}, "", "", "", ("", "", "")) for i in range(count)]


@torch.no_grad()
def sample_next(network: Any, rows: Sequence[Sequence[int]], draw: torch.Generator) -> tuple[Any, Any]:
    """One token and its log-probability a row; all rows have one length."""
    logits = network(input_ids=torch.tensor(rows)).logits[:, -1].float()
    logprobs = torch.log_softmax(logits, -1)
    token = torch.multinomial(logprobs.exp(), 1, generator=draw)
    return token[:, 0].tolist(), logprobs.gather(1, token)[:, 0].tolist()


def play(network: Any, chosen: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
    draw, digits = torch.Generator().manual_seed(seed), random.Random(seed)
    episodes = [Episode(task=task.id, sample=i) for task in chosen for i in range(samples)]
    letters = {task.id: int(str(task.context["letter"])) for task in chosen}
    for episode in episodes:
        append(episode, [BOS, FIRST_DIGIT + DIGITS + letters[episode.task]])
    speak(network, episodes, draw)
    answers = [digits.randrange(DIGITS) for _ in episodes]
    for episode, digit in zip(episodes, answers, strict=True):
        append(episode, [TURN, FIRST_DIGIT + digit])
    speak(network, episodes, draw)
    for episode, digit in zip(episodes, answers, strict=True):
        episode.reward = float(episode.ids[-1] == FIRST_DIGIT + digit)
        episode.end, episode.steps = End.ANSWER, 2
    return [Group(task.id, tuple(e for e in episodes if e.task == task.id)) for task in chosen]


def append(episode: Episode, ids: list[int]) -> None:
    episode.ids += ids
    episode.mask += [0] * len(ids)
    episode.logprobs += [0.0] * len(ids)


def speak(network: Any, episodes: list[Episode], draw: torch.Generator) -> None:
    for episode, token, logprob in zip(
        episodes, *sample_next(network, [e.ids for e in episodes], draw), strict=True
    ):
        episode.ids.append(token)
        episode.mask.append(1)
        episode.logprobs.append(logprob)


@dataclass
class ToyProgress:
    """Keeps checkpoints in memory, weights and all, each a deep copy as a file would be."""

    model: ToyModel
    kept: list[tuple[int, Any, Any]] = field(default_factory=list)
    logged: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    over_after: int | None = None
    asked: int = 0
    directory: Path | None = None  # for files of several processes
    stop_after: int | None = None  # the update after whose report the process "dies"

    def log(self, step: int, metrics: Any) -> None:
        self.logged.append((step, dict(metrics)))
        if step == self.stop_after:
            raise KeyboardInterrupt

    def save(self, step: int, state: Any, write_files: WriteFiles | None = None) -> None:
        if write_files is not None:
            assert self.directory is not None, "several processes write files"
            wait = write_files(self.files_of(step))
            if wait is not None:
                wait()
        self.kept.append((step, copy.deepcopy(state), copy.deepcopy(self.model.network.state_dict())))

    def latest(self) -> tuple[int, Any] | None:
        if not self.kept:
            return None
        step, state, weights = self.kept[-1]
        self.model.network.load_state_dict(copy.deepcopy(weights))
        return step, copy.deepcopy(state)

    def files_of(self, step: int) -> Path:
        assert self.directory is not None, "several processes write files"
        return self.directory / f"step_{step}"

    def note(self, text: str) -> None:
        self.notes.append(text)

    def total(self, steps: int) -> None:
        self.steps = steps

    def is_over(self) -> bool:
        """The budget is used up when that is asked for the ``over_after``th time."""
        self.asked += 1
        return self.over_after is not None and self.asked >= self.over_after


def training(
    model: ToyModel, progress: ToyProgress, *, count: int = 8, validation: int = 0, seed: int = 0
) -> Training:
    def collect(chosen: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        return play(model.network, chosen, samples, seed=seed)

    return Training(
        model=model,  # type: ignore[arg-type] -- the toy renders no messages
        tasks=tasks(count),
        validation=tasks(validation, "validation"),
        collect=collect,
        progress=progress,
        seed=seed,
    )


def recording(given: Training, played: list[Episode]) -> Training:
    """The same training; every episode that it collects is also put into ``played``."""

    def collect(chosen: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        groups = given.collect(chosen, samples, seed=seed)
        played.extend(episode for group in groups for episode in group.episodes)
        return groups

    return replace(given, collect=collect)


def pass_rate(network: Any) -> float:
    groups = play(network, tasks(8), 32, seed=987)
    rewards = [reward for group in groups for reward in group.rewards]
    return sum(rewards) / len(rewards)
