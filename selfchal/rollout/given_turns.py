"""An episode whose agent turns are given beforehand: no model takes part."""

from __future__ import annotations

from collections.abc import Iterable

from selfchal.core.episode import Episode
from selfchal.core.model import Message
from selfchal.core.scene import Scene


def play_turns(scene: Scene, turns: Iterable[str]) -> Episode:
    """Play a scene with these turns of the agent, until it is over or no turn is left.

    The episode has its messages, its end and its reward; it has no token ids, since nothing was sampled.
    """
    episode = Episode(scene.name, 0, messages=list(scene.start()), environment=scene.environment)
    for turn in turns:
        episode.messages.append(Message("assistant", turn))
        answer = scene.step(turn)
        if answer is None:
            break
        episode.messages.append(answer)
    episode.close(scene.finish(None))
    return episode
