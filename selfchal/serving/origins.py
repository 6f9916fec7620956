"""Whom a server on this machine answers: a browser names the page that asks, and the machine that it asks.

A page of another site must not act here, and no foreign name may be made to point here (DNS rebinding): its
pages would then count as this machine's own.
"""

from __future__ import annotations

from urllib.parse import urlsplit

LOCAL_NAMES = frozenset(["localhost", "127.0.0.1", "::1"])
_EVERYWHERE = frozenset(["", "0.0.0.0", "::"])


def find_foreign(origin: str | None, host: str | None, names: frozenset[str]) -> str:
    """Why a request with these headers is not answered; empty where it is. ``names`` are the server's own.

    A server at all addresses of the machine goes by any name, since it cannot know what others call it.
    """
    if origin is not None and _read_name(origin) not in names:
        return f"requests from {origin[:100]!r} are not answered"
    if host is not None and not names & _EVERYWHERE and _read_name(f"//{host}") not in names:
        return f"this server is not called {host[:100]!r}"
    return ""


def _read_name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:  # a bracket that is not closed, say
        return None
