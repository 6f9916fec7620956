"""A game of one token, a tiny network that plays it, and a report kept in memory: for tests of trainers.

The network is shown a letter and says one token. It passes if the token is the one that belongs to the
letter. Nobody tells it which that is. It must find out by trying, and passes once in ``VOCABULARY`` at first.
A training of some dozens of updates takes seconds on one core. Needs torch and transformers.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from selfchal.core.episode import End, Episode, Group
from selfchal.core.errors import TrainingError
from selfchal.core.model import Metrics
from selfchal.core.task import Task
from selfchal.core.trainer import Training, WriteFiles

LETTERS, VOCABULARY, TASKS = 4, 8, 8


def tiny_network() -> LlamaForCausalLM:
    """The same weights each time: one layer of 16 units."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=8,
    )
    with torch.random.fork_rng(devices=[]):  # a trainer that draws from torch's own generator must seed it
        torch.manual_seed(0)
        network = LlamaForCausalLM(config)
    network.eval()
    return network


@dataclass
class TinyModel:
    """As much of a trainable model as a trainer touches. ``announced`` counts the updates it was told of when
    they were made, ``begun`` those that it was told of before."""

    network: Any = field(default_factory=tiny_network)
    announced: int = 0
    begun: int = 0
    updating: bool = False

    def begin_update(self) -> None:
        self.begun += 1
        self.updating = True

    def end_update(self) -> None:
        self.updating = False

    def on_weights_updated(self) -> None:
        self.announced += 1

    def save(self, directory: Path) -> None:
        torch.save(self.network.state_dict(), directory / "weights.pt")

    def load(self, directory: Path) -> None:
        self.network.load_state_dict(torch.load(directory / "weights.pt"))


def tasks(count: int) -> list[Task]:
    """``count`` tasks; the letters repeat."""
    return [Task(f"t{i}", "bandit", {"letter": i % LETTERS}, "", "", "", ("", "", "")) for i in range(count)]


@torch.no_grad()
def play(network: Any, chosen: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
    """``samples`` episodes of each task, each with the log-probability of the token that was said."""
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


@torch.no_grad()
def play_on(network: Any, groups: Sequence[Group], *, seed: int) -> list[Group]:
    """The same groups; in two of three every second episode goes on: letters that were shown, a second token
    of the agent's, and in one of them a letter that was shown last. Rewards stay those of the first token."""
    draw, longer = torch.Generator().manual_seed(seed), list[Group]()
    for group in groups:
        shown = ([], [1], [3, 1])[
            int(group.task[1:]) % 3
        ]  # by its task. None is the beginning of another: an episode is known by it
        going = [one for one in group.episodes if one.sample % 2 == 0] if shown else []
        if going:  # the others are shorter: whoever puts them into one tensor has to pad
            ids = torch.tensor([one.ids + shown for one in going])  # [b, t]
            logprobs = torch.log_softmax(network(input_ids=ids).logits[:, -1], -1)  # [b, VOCABULARY]
            tokens = torch.multinomial(logprobs.exp(), 1, generator=draw)  # [b, 1]
            found = logprobs.gather(1, tokens)[:, 0].tolist()  # [b]
            said = zip(going, tokens[:, 0].tolist(), found, strict=True)
            gone = {one.sample: _go_on(one, shown, *pair) for one, *pair in said}
            group = Group(group.task, tuple(gone.get(one.sample, one) for one in group.episodes))
        longer.append(group)
    return longer


def _go_on(episode: Episode, shown: list[int], token: int, logprob: float) -> Episode:
    last = [2] * (len(shown) - 1)  # what is shown after the agent's last token
    return replace(
        episode,
        ids=[*episode.ids, *shown, token, *last],
        mask=[*episode.mask, *[0] * len(shown), 1, *[0] * len(last)],
        logprobs=[*episode.logprobs, *[0.0] * len(shown), logprob, *[0.0] * len(last)],
        steps=2,
    )


def _take_reward(episode: Episode) -> Episode:
    return replace(episode, reward=None)


def pass_rate(network: Any) -> float:
    """The mean reward over 100 episodes of each letter, in 0 to 1."""
    rewards = [reward for group in play(network, tasks(LETTERS), 100, seed=987) for reward in group.rewards]
    return sum(rewards) / len(rewards)


@torch.no_grad()
def rightness(network: Any) -> float:
    """The mean log-probability of the token that earns the reward, over the letters."""
    logits = network(input_ids=torch.arange(LETTERS)[:, None]).logits[:, -1]  # [LETTERS, VOCABULARY]
    right = VOCABULARY - 1 - torch.arange(LETTERS)
    return float(torch.log_softmax(logits, -1)[torch.arange(LETTERS), right].mean())


@dataclass
class MemoryProgress:
    """Keeps checkpoints as deep copies, as files would. At update ``stop_after`` the process "dies". Where it
    is ``over``, the budget is used up."""

    model: TinyModel
    kept: list[tuple[int, Any, Any]] = field(default_factory=list)  # step, state, weights
    logged: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stop_after: int | None = None
    over: bool = False

    def log(self, step: int, metrics: Metrics) -> None:
        if not isinstance(metrics, Mapping):
            raise TrainingError(f"progress.log was given {metrics!r:.60}; metrics are numbers by name")
        self.logged.append((step, dict(metrics)))
        if step == self.stop_after:
            raise KeyboardInterrupt

    def save(self, step: int, state: Any, write_files: WriteFiles | None = None) -> None:
        assert write_files is None, "one process has no parts"
        self.kept.append((step, copy.deepcopy(state), copy.deepcopy(self.model.network.state_dict())))

    def latest(self) -> tuple[int, Any] | None:
        if not self.kept:
            return None
        step, state, weights = self.kept[-1]
        self.model.network.load_state_dict(weights)
        return step, copy.deepcopy(state)

    def files_of(self, step: int) -> Path:
        raise AssertionError("one process has no parts")

    def total(self, steps: int) -> None:
        """Nobody looks at a display."""

    def note(self, text: str) -> None:
        self.notes.append(text)

    def is_over(self) -> bool:
        return self.over


def training(
    model: TinyModel,
    progress: MemoryProgress,
    played: list[Episode] | None = None,
    *,
    judged: bool = True,
    longer: bool = False,
    seed: int = 0,
) -> Training:
    """``TASKS`` tasks; the episodes that are collected are also put into ``played``.

    Where they are not ``judged``, no episode has a reward. With ``longer`` some go on for a turn
    (``play_on``). A seed that is used twice for other tasks is refused, as a run refuses it.
    """
    asked: dict[int, tuple[list[str], int]] = {}

    def collect(tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        if model.updating:
            raise TrainingError("collect was called within an update, while the model makes room for it")
        wanted = [task.id for task in tasks], samples
        if asked.setdefault(seed, wanted) != wanted:
            raise TrainingError(f"collect was called with the seed {seed} before, for other tasks")
        groups = play(model.network, tasks, samples, seed=seed)
        if longer:
            groups = play_on(model.network, groups, seed=seed)
        if not judged:
            groups = [Group(each.task, tuple(_take_reward(one) for one in each.episodes)) for each in groups]
        if played is not None:
            played.extend(episode for group in groups for episode in group.episodes)
        return groups

    return Training(
        model=model,  # type: ignore[arg-type]  # it renders and samples nothing: ``collect`` plays by itself
        tasks=tasks(TASKS),
        validation=[],
        collect=collect,
        progress=progress,
        seed=seed,
    )
