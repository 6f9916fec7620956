"""Reads answers to requests for text, which come in more forms than any specification has.

What can be understood is. Everything else raises RetryableError, which says what was odd, or
PromptRefusedError. Heavy: imports httpx.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfchal.builtin_models.faults import describe_error, find_refusal
from selfchal.builtin_models.transport import RetryableError
from selfchal.core.errors import PromptRefusedError

Json = Any
TOKEN_BYTES = 1024  # of an answer, for each token that it may hold: its text as JSON, id and log-probability
LEAST_BYTES = 256 * 1024  # of an answer however short: what stands around the text
LEAST_LOGPROB, ROUNDING = -1e6, 1e-3  # NaN and infinities are outside too
PADDING = 2048  # networks have more rows than their tokenizers ids, and now and then sample one of these
PROMPT_BYTES = 16  # of an answer, for each token of the prompt: vLLM sends its ids back


def limit_bytes(max_tokens: int, prompt_tokens: int = 0) -> int:
    """The most bytes that an honest answer may have; a server that ignores its limit of tokens sends more."""
    return LEAST_BYTES + TOKEN_BYTES * max_tokens + PROMPT_BYTES * prompt_tokens


def read_choice(answer: Json) -> Mapping[str, Json]:
    """The first choice of an answer."""
    if not isinstance(answer, dict):
        raise RetryableError("an answer that is no object")
    if answer.get("error"):
        message = describe_error(answer)
        if refusal := find_refusal(message, 200):
            raise PromptRefusedError(refusal)
        raise RetryableError(f"an error instead of an answer: {message}")
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise RetryableError("an answer without choices")
    return choices[0]


def read_text(choice: Mapping[str, Json]) -> str:
    """What was said, which may be nothing (a model that only thought, until its limit)."""
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    text = "".join(map(_read_part, content)) if isinstance(content, list) else content
    if not text and str(choice.get("finish_reason")).startswith("content_filter"):
        raise PromptRefusedError("its filter objects to the answer")
    if not isinstance(message, dict):
        raise RetryableError("a choice without a message")
    if text is None:
        text = message.get("refusal") or ""  # how OpenAI's models decline in words
    if not isinstance(text, str):
        raise RetryableError("a message whose content is no text")
    return text


def _read_part(part: Json) -> str:
    """The text of one part of a message; thoughts, images and audio have none."""
    if isinstance(part, str):
        return part
    text = part.get("text") if isinstance(part, dict) else None
    return text if isinstance(text, str) and part.get("type", "text") in ("text", "output_text") else ""


def read_tokens(
    choice: Mapping[str, Json], vocabulary: int
) -> tuple[tuple[int, ...], tuple[float, ...]] | None:
    """Sampled ids and their log-probabilities; None where the endpoint gives none at all.

    ``vocabulary``: how many ids the tokenizer at hand has.
    """
    ids, listed = choice.get("token_ids"), choice.get("logprobs")
    logprobs = listed.get("token_logprobs") if isinstance(listed, dict) else None
    if not isinstance(ids, list) or not isinstance(logprobs, list) or len(ids) != len(logprobs):
        return None
    for token in ids:
        if not isinstance(token, int) or isinstance(token, bool) or not 0 <= token < vocabulary + PADDING:
            raise RetryableError(f"the token id {token!r}, where model.tokenizer has {vocabulary} ids")
    for logprob in logprobs:
        if not isinstance(logprob, int | float) or not LEAST_LOGPROB <= logprob <= ROUNDING:
            raise RetryableError(f"a log-probability of {logprob!r}")
    return tuple(ids), tuple(map(float, logprobs))
