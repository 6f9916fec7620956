"""A scene: the trusted side of one conversation with a model (an agent's task, a challenger's proposal)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from selfchal.core.episode import End, SceneResult
from selfchal.core.model import Message


class Scene(Protocol):
    """Driven by a rollout: ``start`` once, ``step`` after every generation, ``finish`` once.

    All three may block (they run code and simulated users) and are called from worker threads, never two at
    a time for one scene. ``start`` and ``step`` may raise PromptRefusedError (for a
    simulated user whose endpoint would not answer), which ends the episode as refused.
    """

    @property
    def name(self) -> str:
        """The task's id, or what else the episode is about."""

    @property
    def environment(self) -> str:
        """The name of the environment that the scene plays in; it is stored with the episode."""

    def start(self) -> Sequence[Message]:
        """The conversation's first messages, ending where the model is to speak."""

    def step(self, text: str) -> Message | None:
        """Act on what the model said; the message that answers it, or None when the scene is over."""

    def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
        """Free what the scene holds, and say what came of it: end, answer, reward, reason and counts.

        ``cut`` says why the rollout ended it (LENGTH, REFUSED), None when the scene itself did. ``refusal``
        is what an endpoint said that would not go on with the conversation, at REFUSED.
        """
