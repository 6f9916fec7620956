"""What the index keeps of an episode: counts, and the words of the task, of the agent and of the tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfchal.core.text import replace_surrogates

OPENING = 240  # characters of a task that lists show
LONGEST_MESSAGE = 20_000  # characters of one message that are searched
LONGEST_TEXT = 200_000  # characters of an episode that are searched
MANY = 1_000_000_000  # steps or calls, which no episode has: what SQLite can hold is not far above
UNREADABLE = "unreadable"  # the end of an episode whose body is damaged


@dataclass(frozen=True)
class Summary:
    """``tokens`` are those of the conversation, ``sampled`` the agent's own, ``read`` counts the conversation
    anew at every turn. ``asked``, ``said`` and ``seen`` are the texts of the task, the agent and the tools;
    the system prompt is in none of them."""

    end: str = UNREADABLE
    steps: int = 0
    tool_calls: int = 0
    tokens: int = 0
    sampled: int = 0
    read: int = 0
    seconds: float = 0.0
    asked: str = ""
    said: str = ""
    seen: str = ""


def summarise(row: Mapping[str, Any] | None) -> Summary:
    """Of an episode's stored parts; of none, or of wrong ones, what is known: nothing."""
    if row is None:
        return Summary()
    try:
        if not isinstance(row["mask"], list):
            return Summary()  # bytes() of a number would be that many
        mask = bytes(row["mask"])
        messages = [(str(message["role"]), str(message["content"])) for message in row["messages"]]
        asked, said, seen = _split_texts(messages, count_prompt(messages, mask))
        sampled, read = _count_tokens(mask)
        return Summary(
            end=replace_surrogates(str(row["end"])[:40]),
            steps=max(0, min(int(row["steps"]), MANY)),
            tool_calls=max(0, min(int(row["tool_calls"]), MANY)),
            tokens=len(mask),
            sampled=sampled,
            read=read,
            seconds=float(row["seconds"]),
            asked=asked,
            said=said,
            seen=seen,
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return Summary()


def count_prompt(messages: Sequence[tuple[str, str]], mask: bytes) -> int:
    """How many messages stood there before the agent's first turn.

    A prompt may show turns of an example, which the agent did not say. So turns are counted in the mask: each
    is a run of ones. Without tokens the prompt ends where somebody else spoke last before the first turn.
    """
    speakers = [i for i, (role, _) in enumerate(messages) if role == "assistant"]
    turns = mask.count(b"\x00\x01") + mask.startswith(b"\x01")
    shown = max(0, len(speakers) - turns) if turns else 0
    return speakers[shown] if shown < len(speakers) else len(messages)


def _split_texts(messages: Sequence[tuple[str, str]], prompt: int) -> tuple[str, str, str]:
    asked = next((text for role, text in reversed(messages[:prompt]) if role == "user"), "")
    talk = messages[prompt:]
    said = "\n".join(text[:LONGEST_MESSAGE] for role, text in talk if role == "assistant")
    seen = "\n".join(text[:LONGEST_MESSAGE] for role, text in talk if role not in ("assistant", "system"))
    asked, said, seen = (replace_surrogates(text[:LONGEST_TEXT]) for text in (asked, said, seen))
    return asked, said, seen


def _count_tokens(mask: bytes) -> tuple[int, int]:
    """The sampled ones, and those that were read: all that stands before each turn."""
    read, start = 0, mask.find(b"\x00\x01")
    while start >= 0:
        read += start + 1
        start = mask.find(b"\x00\x01", start + 1)
    return mask.count(1), read
