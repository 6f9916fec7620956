"""What an address asks for, read with bounds."""

from __future__ import annotations

from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request

from selfchal.browsing.addresses import Address
from selfchal.browsing.filters import EpisodeFilter, Where

_TEXTS = ("stage", "mode", "solved", "before", "after", "family", "task", "end", "text", "where")
_NUMBERS = ("min_steps", "max_steps", "min_tokens", "max_tokens")
_DIGITS = 12  # of a number
_LONGEST = 1_000  # characters of one value
_WHERE = ("", "said", "seen", "asked")


def read_text(request: Request, name: str) -> str:
    return request.query_params.get(name, "")[:_LONGEST]


def read_number(request: Request, name: str) -> int | None:
    """None where it is not said. Answers 400 to what is no number of up to twelve digits."""
    text = read_text(request, name).strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise HTTPException(
            400,
            f"“{name}” is {text[:80]!r}, and must be a whole number from 0 on, of {_DIGITS} digits at most.",
        )
    return int(text)


def read_address(request: Request) -> Address:
    """Raises StoreError where the address asks for no episode."""
    return Address.parse(read_text(request, "at"))


def read_filter(request: Request) -> EpisodeFilter:
    """Answers 400 to numbers that are none."""
    texts = {name: read_text(request, name).strip() for name in _TEXTS}
    where = texts.pop("where")
    numbers = {name: read_number(request, name) for name in _NUMBERS}
    if where not in _WHERE:
        raise HTTPException(400, f"“where” is {where[:80]!r}; there are: {', '.join(filter(None, _WHERE))}.")
    chosen = cast("Where", where)
    return EpisodeFilter(**texts, **numbers, where=chosen)  # type: ignore[arg-type]  # texts and numbers by name


def describe_filter(wanted: EpisodeFilter) -> dict[str, object]:
    """What is asked for, for links that ask for the same."""
    return {name: value for name, value in vars(wanted).items() if value not in ("", None)}
