"""What a reasoning model says aloud: its turn without its thoughts, and without the marks that close a turn.

Models think between tags (``<think>``), between words in brackets, or in a channel of their own (harmony, the
format of gpt-oss). What stands in a thought is never an action, an answer, a task or a stop string.

Plain string search throughout: what a model writes may be megabytes, on which patterns go quadratic.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

# What opens a thought, and what closes it. Qwen3, DeepSeek-R1, GLM and most others; Magistral; Command A;
# Seed-OSS; Kimi-VL; and words that models without a format of their own use.
TAGS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
)
_INDENTED = 9  # a line that begins with a tag has fewer blanks before it
_CHANNEL, _MESSAGE = "<|channel|>", "<|message|>"
_HARMONY_ENDS = ("<|end|>", "<|return|>", "<|call|>")
_ANALYSIS, _FINAL = "analysis", "assistantfinal"  # as harmony reads where special tokens are left out
# What templates close a turn with; a decoder may leave it in the text.
_CLOSINGS = (
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<end_of_turn>", "<|end|>", "<|return|>",
    "<|endoftext|>", "<|END_RESPONSE|>", "<|END_OF_TURN_TOKEN|>", "<turn|>", "</s>", "<eos>",
)  # fmt: skip


def strip_thoughts(text: str) -> str:
    """What is said aloud. A thought that was not ended takes all that follows it."""
    if _CHANNEL in text:
        return _join_channels(text)
    aloud = _strip_tagged(text)
    if aloud.startswith(_ANALYSIS) and _FINAL in aloud:
        return aloud.rpartition(_FINAL)[2]
    return aloud


def is_thinking(text: str) -> bool:
    """Did the turn end before its thought did?"""
    if _CHANNEL in text:
        return not _join_channels(text)
    last = _strip_closed(text)
    return any(_find_opening(last, opening) >= 0 for opening, _ in TAGS)


def strip_closings(text: str) -> str:
    """The turn without blanks around it and without the marks with which a template closes it."""
    end = _skip_blanks_before(text, len(text))
    while text.endswith(_CLOSINGS, 0, end):
        closing = next(mark for mark in _CLOSINGS if text.endswith(mark, 0, end))
        end = _skip_blanks_before(text, end - len(closing))
    return text[:end].lstrip()


def _skip_blanks_before(text: str, end: int) -> int:
    while end and text[end - 1].isspace():
        end -= 1
    return end


def find_open_tag(prompt: str) -> str:
    """The tag with which a prompt leaves a thought open, as some templates do; empty where it does not."""
    end = prompt.rstrip()
    return next((opening for opening, _ in TAGS if end.endswith(opening)), "")


def _strip_tagged(text: str) -> str:
    rest = _strip_closed(text)
    cuts = [at for opening, _ in TAGS if (at := _find_opening(rest, opening)) >= 0]
    return rest[: min(cuts)] if cuts else rest


def _strip_closed(text: str) -> str:
    """The text without the thoughts that were ended. A closing tag that stands alone ends a thought which the
    prompt had opened."""
    for opening, closing in TAGS:
        if closing in text:
            text = "".join(_keep_aloud(text, opening, closing))
    return text


def _keep_aloud(text: str, opening: str, closing: str) -> Iterator[str]:
    parts = text.split(closing)
    for part, after in pairwise(parts):
        if not part:
            continue
        at = _find_opening(part, opening)
        if at >= 0:
            yield part[:at]
        elif opening in part or not _stands_alone(part, after):  # within a line, as in code: no thought
            yield part + closing
    yield parts[-1]


def _find_opening(text: str, opening: str) -> int:
    """Where a line begins with this tag; -1 where none does."""
    at = text.find(opening)
    while at >= 0:
        if _begins_line(text, at):
            return at
        at = text.find(opening, at + 1)
    return -1


def _begins_line(text: str, at: int) -> bool:
    before = text[max(0, at - _INDENTED) : at]
    line = before.rpartition("\n")[2]
    return not line.strip() and (len(before) < _INDENTED or "\n" in before)


def _stands_alone(before: str, after: str) -> bool:
    """Does a tag between these two begin or end its line?"""
    return _begins_line(before, len(before)) or not after[:1].strip()


def _join_channels(text: str) -> str:
    """What harmony's channels but its analysis hold; a call keeps the header that names its tool."""
    said = []
    for part in text.split(_CHANNEL)[1:]:
        header, has_message, body = part.partition(_MESSAGE)
        if not has_message or header.split()[:1] == [_ANALYSIS]:
            continue
        for end in _HARMONY_ENDS:
            body = body.partition(end)[0]
        said.append(f"{_CHANNEL}{header}{_MESSAGE}{body}" if "to=" in header else body)
    return "\n".join(said)
