"""The model contract: token ids are the truth (CONTRIBUTING.md#invariant-4).

A conversation grows by appending ids only: ``render_prompt`` gives the ids of its start,
``render_turn`` the ids that follow the agent's sampled ones (whatever closes the agent's turn, the
next message, the header of the next agent turn). Nothing that was sampled is ever tokenised again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel

from selfchal.core.text import replace_surrogates

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Message:
    """Something that a model is told or has said. Whatever tools and users say reaches a model in one, so
    lone surrogates are replaced here."""

    role: str  # system, user, assistant
    content: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "content", replace_surrogates(self.content))


@dataclass(frozen=True)
class Sampling:
    """How to sample. ``temperature`` 0 is greedy. ``stop`` strings end a generation and stay in it."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class Generation:
    """Sampled ids (with the end-of-turn id, if it was sampled), their log-probabilities, and their text.

    ``logprobs`` are those of the distribution that was sampled from at temperature 1 (greedy
    decoding: of the unscaled model). ``finished`` is False when ``max_tokens`` cut it. ``refused`` says why
    an endpoint would not answer this prompt (its filter, its context); nothing was sampled then.
    ``weights_version`` counts the changes of the weights in this process, for models that are sampled while
    they are trained; None where nobody counts. Whatever any model writes comes in a generation, so lone
    surrogates in ``text`` are replaced here.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: str
    finished: bool
    refused: str = ""
    weights_version: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", replace_surrogates(self.text))


@dataclass(frozen=True)
class Prices:
    """Of a million tokens that a model reads and samples, in its own currency.

    A model class whose tokens are paid for has a class method ``prices(config)`` that gives them, or None
    where the config does not say them. Without that method its tokens cost nothing.
    """

    input: float = 0.0
    output: float = 0.0


class Capability(StrEnum):
    """What a model can give; a trainer states what it needs, and validation compares the two."""

    TEXT = "text"
    TOKEN_IDS = "token_ids"
    LOGPROBS = "logprobs"
    GRADIENTS = "gradients"  # its weights can be trained in this process


class Stream(Protocol):
    """Conversations that a model continues side by side, each joining and leaving on its own."""

    def join(self, key: int, prompt: Sequence[int]) -> None:
        """Let the agent of conversation ``key`` speak after these ids, all that were said so far."""

    def advance(self) -> list[tuple[int, Generation]]:
        """Sample on for a while; the turns that ended, in a fixed order.

        None may have, but every turn ends after finitely many calls. Depends on nothing but weights,
        sampling, and who joined with what before which call. Where servers sample, which turns end at a call
        depends on their clocks; what a turn says does not.
        """


class Model(Protocol):
    """Renders conversations to token ids, and samples turns with their log-probabilities."""

    name: ClassVar[str]
    Config: ClassVar[type[BaseModel]]

    @classmethod
    def provides(cls, config: Any) -> frozenset[Capability]:
        """What this model gives with this config; answers without loading anything."""

    def __init__(self, config: Any) -> None:
        """Load. Raises ModelError."""

    def render_prompt(self, messages: Sequence[Message]) -> list[int]:
        """Ids of the start of a conversation, ending where the agent is to speak."""

    def render_turn(self, generation: Generation, message: Message) -> list[int]:
        """Ids to append after ``generation.ids`` so that ``message`` was said and the agent is to speak."""

    def encode(self, text: str) -> list[int]:
        """Ids of bare text, without special tokens: for forcing how an agent's turn begins."""

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        """One generation a prompt, in order. Same weights, prompts and seed: same result. Several threads may
        call it while a stream is under way."""

    def stream(self, sampling: Sampling) -> Stream:
        """A new stream. A model that only ever gives whole turns returns a TurnStream over ``generate``."""

    def reset_cache(self) -> None:
        """Drop what is cached of earlier conversations: what follows depends on nothing before it, to the
        last bit, so that work done again after a kill comes out the same."""

    @property
    def context_length(self) -> int:
        """The most ids that a conversation may have."""

    def close(self) -> None: ...


@runtime_checkable
class SharesStart(Protocol):
    """A trainable model that may still hold the weights which it began with, as under LoRA."""

    def starting_model(self) -> Model | None:
        """The model with those weights, in the same memory and closed with this one. None where training
        changes them in place."""


@runtime_checkable
class TrainableModel(Model, Protocol):
    """A model whose weights can be trained in this process (Capability.GRADIENTS).

    One that must make room for an update is told when by ``begin_update`` and ``end_update`` (MakesRoom).
    """

    @property
    def network(self) -> Any:
        """The torch module: ``network(input_ids, attention_mask).logits`` of [batch, time, vocabulary]."""

    def on_weights_updated(self) -> None:
        """Must be called after an update, before the next ``generate``: caches are stale."""

    def save(self, directory: Path) -> None:
        """Write weights (or the adapter) and tokenizer so that ``load`` gives the same model."""

    def load(self, directory: Path) -> None: ...
