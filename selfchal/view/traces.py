"""An episode as a page shows it: messages with what they are, and the agent's tokens by log-probability."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from selfchal.browsing.summaries import count_prompt
from selfchal.core.episode import Episode
from selfchal.view.rendering import cut

MOST_MESSAGES = 400  # of an episode that a page shows
MOST_TEXT = 400_000  # characters of all of them together
MOST_TOKENS = 1_500  # of one turn
_LIKELY = (-0.1, -0.7, -1.6, -3.0)  # lower bounds of a token's log-probability, for its shade


@dataclass(frozen=True)
class Token:
    """``shade`` is 0 for a token that was nearly certain, 4 for a surprise. ``text`` is empty where it is not
    known."""

    number: int
    text: str
    logprob: float
    shade: int


@dataclass(frozen=True)
class Part:
    """One message. ``kind`` is system, example, task, agent or observation."""

    kind: str
    text: str
    tokens: tuple[Token, ...] = ()
    left_out: int = 0  # tokens that are not shown


@dataclass(frozen=True)
class Trace:
    """``left_out`` are messages that are not shown. ``mask`` is the conversation's tokens as runs: how many,
    and whether they are the agent's own."""

    task: str
    sample: int
    parts: tuple[Part, ...]
    left_out: int
    mask: tuple[tuple[bool, int], ...]
    episode: Episode


def make_trace(episode: Episode, texts: Mapping[int, str]) -> Trace:
    """``texts`` are those of tokens by their numbers, as far as they are known."""
    pairs = [(message.role, message.content) for message in episode.messages]
    mask = bytes(bit & 1 for bit in episode.mask if isinstance(bit, int))
    prompt = count_prompt(pairs, mask)
    turns = iter(_list_turns(episode, mask, texts))
    parts: list[Part] = []
    shown = 0
    for i, (role, text) in enumerate(pairs[:MOST_MESSAGES]):
        kind = _find_kind(role, i, prompt)
        tokens = next(turns, ()) if kind == "agent" else ()
        shown += len(text)
        if shown > MOST_TEXT and parts:
            break
        parts.append(Part(kind, cut(text), tuple(tokens[:MOST_TOKENS]), max(0, len(tokens) - MOST_TOKENS)))
    runs = tuple(_list_runs(mask))[:MOST_MESSAGES]
    return Trace(episode.task, episode.sample, tuple(parts), len(pairs) - len(parts), runs, episode)


def _find_kind(role: str, position: int, prompt: int) -> str:
    if role == "system":
        return "system"
    if position >= prompt:
        return "agent" if role == "assistant" else "observation"
    return "task" if position == prompt - 1 else "example"


def _list_turns(episode: Episode, mask: bytes, texts: Mapping[int, str]) -> Iterator[Sequence[Token]]:
    """The tokens of each of the agent's turns."""
    start = mask.find(1)
    while start >= 0:
        end = mask.find(0, start)
        end = len(mask) if end < 0 else end
        yield [
            Token(number, texts.get(number, "").replace("\n", "⏎"), logprob, _find_shade(logprob))
            for number, logprob in zip(episode.ids[start:end], episode.logprobs[start:end], strict=False)
        ]
        start = mask.find(1, end)


def _find_shade(logprob: float) -> int:
    return sum(logprob < bound for bound in _LIKELY)


def _list_runs(mask: bytes) -> Iterator[tuple[bool, int]]:
    start = 0
    while start < len(mask):
        other = mask.find(1 - mask[start], start)
        end = len(mask) if other < 0 else other
        yield bool(mask[start]), end - start
        start = end
