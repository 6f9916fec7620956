"""``evaluation.example``: an episode that the agent is shown before every held-out task.

What one example in the prompt gives is no skill that was learnt: the untrained model, shown one, is what
training has to be compared with.
"""

from __future__ import annotations

import json
from pathlib import Path

from selfchal.core.errors import ManifestError
from selfchal.core.model import Message
from selfchal.text_files import explain_unreadable, read_text_file

_ROLES = ("system", "user", "assistant")
_MOST_BYTES = 2**20  # one episode, with its ids
_CURE = "Name what `selfchal episodes show RUN EPISODE --json > FILE` wrote"


def read_example(file: Path) -> tuple[Message, ...]:
    """The turns of an episode as ``selfchal episodes show RUN EPISODE --json`` prints it.

    System messages are left out, for each task has its own. Raises ManifestError, which says what the file
    lacks.
    """
    try:
        row = json.loads(read_text_file(file, _MOST_BYTES))
    except (OSError, UnicodeDecodeError) as error:
        why = explain_unreadable(error)
        raise ManifestError(f"evaluation.example: {file} cannot be read: {why}. {_CURE}") from error
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"evaluation.example: {file} is no JSON: {error}. {_CURE}") from error
    rows = row.get("messages") if isinstance(row, dict) else row
    if not isinstance(rows, list):
        raise ManifestError(f"evaluation.example: {file} has no messages. {_CURE}")
    turns = tuple(turn for turn in (_read_message(file, one) for one in rows) if turn.role != "system")
    if not turns or (turns[0].role, turns[-1].role) != ("user", "assistant"):
        raise ManifestError(
            f"evaluation.example: {file} does not begin with what the agent was told and end with what it "
            f"said. {_CURE}"
        )
    return turns


def _read_message(file: Path, row: object) -> Message:
    match row:
        case {"role": str(role), "content": str(content)} if role in _ROLES:
            return Message(role, content)
    raise ManifestError(f"evaluation.example: {file} holds what is no message: {str(row)[:100]}. {_CURE}")
