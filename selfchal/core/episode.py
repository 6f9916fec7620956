"""Episodes: one multi-turn rollout with its exact tokens, the only food of every trainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from selfchal.core.model import Message
from selfchal.core.world import Json


class End(StrEnum):
    """Why an episode ended."""

    ANSWER = "answer"  # the agent gave its final answer
    STOP = "stop"  # the simulated user was done
    TOOL = "tool"  # a tool that ends the episode was called (a transfer to a human)
    STEPS = "steps"  # no step was left
    LENGTH = "length"  # the context is full
    REFUSED = "refused"  # an endpoint would not go on with the conversation
    INFRA = "infra"  # sandbox or user simulator failed: no reward, not a failure


@dataclass(frozen=True)
class SceneResult:
    """What came of a scene, as its episode keeps it: each field is that of ``Episode``."""

    end: End
    reward: float | None = None
    reason: str = ""
    answer: str | None = None
    replies: Sequence[str] = ()
    steps: int = 0
    tool_calls: int = 0
    invalid_actions: int = 0
    forgiven_turns: int = 0


@dataclass
class Episode:
    """One rollout of one task. ``ids``, ``mask`` and ``logprobs`` have one entry a token of the conversation.

    ``mask`` is 1 on the tokens that the agent sampled and 0 elsewhere; ``logprobs`` is 0.0 where the
    mask is 0. ``reward`` is None when the episode could not be judged (CONTRIBUTING.md#invariant-2).
    ``environment`` is the name of the environment that it was played in.
    """

    task: str
    sample: int
    messages: list[Message] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    answer: str | None = None
    replies: list[str] = field(default_factory=list)  # what was said to the simulated user
    end: End = End.STEPS
    reward: float | None = None
    reason: str = ""
    steps: int = 0
    tool_calls: int = 0
    invalid_actions: int = 0
    forgiven_turns: int = 0  # that departed from the grammar and were understood all the same
    seconds: float = 0.0
    environment: str = ""
    cut_turns: list[int] = field(default_factory=list)  # which of the agent's turns max_tokens cut, from 0
    weights_version: int | None = None  # that sampled its first turn, where the model counts (Generation)

    def close(self, result: SceneResult) -> None:
        """Keep what came of its scene."""
        vars(self).update(vars(result), replies=list(result.replies))

    def to_json(self) -> dict[str, Json]:
        # not asdict: it copies every token, and thousands of episodes are stored
        return {**vars(self), "messages": [vars(message) for message in self.messages]}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Episode:
        messages = [Message(**message) for message in row["messages"]]
        return cls(**{**row, "messages": messages, "end": End(row["end"])})


@dataclass(frozen=True)
class Reward:
    """``value`` is None when the infrastructure failed (CONTRIBUTING.md#invariant-2)."""

    value: float | None
    reason: str = ""


@dataclass(frozen=True)
class Group:
    """All episodes of one task from one policy: what a group baseline is taken over."""

    task: str
    episodes: tuple[Episode, ...]

    @property
    def rewards(self) -> list[float]:
        """The rewards that could be judged."""
        return [episode.reward for episode in self.episodes if episode.reward is not None]
