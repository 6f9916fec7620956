"""What an endpoint's complaint means: whose fault it is, and what to do about it. Light.

Endpoints agree on no words for a prompt that is too long or filtered; these are those of OpenAI, Azure,
vLLM, llama.cpp, Ollama, Anthropic, Mistral, Gemini, OpenRouter and Alibaba Cloud.
"""

from __future__ import annotations

import json
import re
from typing import Any

Json = Any
SHOWN = 300  # characters of an endpoint's own words in a message

_TOO_LONG = re.compile(
    r"context.?length|context.?size|context.?window|maximum context|prompt.is.too.long|prompt.too.long"
    r"|input.is.too.long|too many (input )?tokens|string_above_max_length|exceed_context"
    r"|exceeds the (model's )?(maximum )?(input|prompt)|reduce the length of",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content.?filter|content.?management|content.?policy|content.?inspection|data_?inspection"
    r"|responsible.?ai.?policy|moderation|flagged|safety (system|filter|setting)|usage.polic"
    r"|prohibited.content|inappropriate content",
    re.IGNORECASE,
)
_FIELD = re.compile(r"unrecogni[sz]ed|unknown|unsupported|not supported|extra (input|field)", re.IGNORECASE)
TOO_LONG_STATUSES = frozenset({200, 400, 413, 422, 500})  # llama.cpp and Ollama say it with 500
FILTERED_STATUSES = frozenset({200, 400, 403, 422})  # OpenRouter says with 403 what its moderation flagged


def read_message(body: bytes) -> str:
    """An endpoint's own words: its error message with its code where it gave JSON, else the text."""
    try:
        return describe_error(json.loads(body))
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")


def describe_error(answer: Json) -> str:
    """The message in ``{"error": …}`` as most write it, else the whole answer."""
    error = answer.get("error") or answer if isinstance(answer, dict) else answer
    if isinstance(error, str):
        return error
    names = ("message", "detail", "code", "type")
    said = [str(error[name]) for name in names if error.get(name)] if isinstance(error, dict) else []
    return "; ".join(said) if said else json.dumps(error)


def shorten(text: str) -> str:
    """The beginning of a text on one line, without what would steer a terminal."""
    line = " ".join(text[: 4 * SHOWN].split())[:SHOWN]
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in line)


def find_refusal(message: str, status: int) -> str:
    """Why an endpoint would not answer this one prompt; empty where it complains of something else."""
    if _FIELD.search(message):
        return ""
    if status == 413 or (status in TOO_LONG_STATUSES and _TOO_LONG.search(message)):
        return f"it is too long for the model ({message})"
    if status in FILTERED_STATUSES and _FILTERED.search(message):
        return f"its filter objects ({message})"
    return ""


def explain_status(url: str, status: int, message: str, key_env: str | None) -> str:
    """The sentence for a status that stops a run: what was refused, and what to do."""
    said = f"{url} refuses the request (status {status}): {message}"
    if status in (401, 403):
        cure = f"check the key in ${key_env}" if key_env else "set model.api_key_env"
        return f"{url} refuses the key (status {status}): {message}; {cure}."
    if status == 402:
        return f"{said}; the account has no credit left."
    if status in (404, 405):
        return f"{said}; check model.base_url (it mostly ends in /v1) and the name in model.model."
    if status in (400, 422):
        cure = "leave out a field that it does not take (model.omit), or give its limit another name"
        return f"{said}; {cure} (model.tokens_name)."
    return f"{said}."
