"""Templates: every text is escaped, and made plain, as it goes in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from urllib.parse import urlencode

import jinja2
from markupsafe import Markup
from starlette.responses import HTMLResponse

from selfchal.core.world import Json
from selfchal.plain_text import make_plain

NO_BREAK = "\u00a0"  # a blank at which no line ends
LONGEST_TEXT = 20_000  # characters of one text on a page; downloads hold all


def render(template: str, status: int = 200, **values: object) -> HTMLResponse:
    """The page as a response."""
    return HTMLResponse(_load_environment().get_template(template).render(values), status)


@cache
def _load_environment() -> jinja2.Environment:
    folder = files("selfchal.view") / "templates"
    loader = jinja2.FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8"))
    made = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_make_plain,
    )
    made.filters |= {
        "percent": _format_percent,
        "points": lambda value: f"{100 * value:+.1f}{NO_BREAK}points",
        "short": lambda value: f"{value:.3g}",
        "count": lambda value: f"{value:,.0f}",
        "money": lambda value: f"{value:.4g}",
        "clock": _format_clock,
        "moment": _format_moment,
        "cut": cut,
        "breakable": _make_breakable,
        "tojson_plain": lambda value: json.dumps(value, indent=2, ensure_ascii=False, default=str),
        "query": lambda values: urlencode({k: v for k, v in values.items() if v not in ("", None)}),
    }
    return made


def cut(text: str) -> str:
    """A text as long as a page may show it, with a word that says so."""
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]}\n[{len(text) - LONGEST_TEXT:,} more characters; the download holds them]"


def _make_breakable(value: object) -> Markup:
    """A path or an address, whose lines end after slashes rather than within a word."""
    return Markup("/<wbr>").join(make_plain(str(value)).split("/"))  # join escapes each part


def _make_plain(value: object) -> object:
    """No control characters, and nothing that turns the direction of a text around."""
    return value if isinstance(value, Markup | int | float) else make_plain(str(value))


def _format_percent(value: Json) -> str:
    return f"{100 * value:.1f}{NO_BREAK}%" if isinstance(value, int | float) and value == value else "–"


def _format_clock(seconds: Json) -> str:
    if not isinstance(seconds, int | float) or not 0 <= seconds < 1e9:
        return "–"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return (
        f"{hours} h {minutes} min" if hours else f"{minutes} min {rest:.0f} s" if minutes else f"{rest:.1f} s"
    )


def _format_moment(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC") if seconds else "–"
    except (OverflowError, ValueError, OSError):
        return "–"
