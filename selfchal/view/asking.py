"""What an address asks for, read with bounds."""

from __future__ import annotations

from typing import cast

from starlette.requests import Request

from selfchal.browsing.addresses import Address
from selfchal.browsing.filters import EpisodeFilter, Where

_TEXTS = ("stage", "mode", "solved", "before", "after", "family", "task", "end", "text", "where")
_NUMBERS = ("min_steps", "max_steps", "min_tokens", "max_tokens")
_LONGEST = 1_000  # characters of one value
_WHERE = ("", "said", "seen", "asked")


def read_text(request: Request, name: str) -> str:
    return request.query_params.get(name, "")[:_LONGEST]


def read_number(request: Request, name: str) -> int | None:
    """None where it is no number of up to twelve digits."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 12 else None


def read_address(request: Request) -> Address:
    """Raises StoreError where the address asks for no episode."""
    return Address.parse(read_text(request, "at"))


def read_filter(request: Request) -> EpisodeFilter:
    texts = {name: read_text(request, name).strip() for name in _TEXTS}
    where = texts.pop("where")
    numbers = {name: read_number(request, name) for name in _NUMBERS}
    chosen = cast("Where", where if where in _WHERE else "")
    return EpisodeFilter(**texts, **numbers, where=chosen)  # type: ignore[arg-type]  # texts and numbers by name


def describe_filter(wanted: EpisodeFilter) -> dict[str, object]:
    """What is asked for, for links that ask for the same."""
    return {name: value for name, value in vars(wanted).items() if value not in ("", None)}
