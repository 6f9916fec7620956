"""A model as the judge of an episode: the reward of the paper's baseline (PAE), which has no ``evaluate``.

The question follows figure 13 of the paper, which asks for generosity; it is as weak a judge as it sounds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from selfchal.core.environment import Chat
from selfchal.core.model import Message
from selfchal.core.task import Task
from selfchal.core.world import Change, World

_QUESTION = """You judge whether an agent did its task. Please be generous in your rating.

Task: {instruction}

What the agent changed:
{changes}

The agent's final answer: {answer}

Was the task done? Reply with one word: yes or no."""
_MOST_CHANGES = 40


def grade(task: Task, world: World, answer: str | None, chat: Chat) -> bool:
    """Whether the model says yes. Any other answer counts as a no."""
    question = _QUESTION.format(
        instruction=task.instruction,
        changes=_list_changes(world.difference()) or "nothing",
        answer=answer or "none",
    )
    return chat([Message("user", question)]).strip().casefold().startswith("yes")


def _list_changes(changes: Sequence[Change]) -> str:
    lines = [
        f"{'/'.join(map(str, change.path))}: {_shorten(change.before)} -> {_shorten(change.after)}"
        for change in changes[:_MOST_CHANGES]
    ]
    return "\n".join(lines)


def _shorten(value: object) -> str:
    return json.dumps(value)[:300]
