"""Whose pages a server on this machine answers: what a browser sends names the page's origin."""

from __future__ import annotations

from urllib.parse import urlsplit

LOCAL_NAMES = frozenset(["localhost", "127.0.0.1", "::1"])


def is_own_page(origin: str | None, names: frozenset[str]) -> bool:
    """Does no page ask (None), or one of a host with one of these names?"""
    if origin is None:
        return True
    try:
        return urlsplit(origin).hostname in names
    except ValueError:  # a bracket that is not closed, say
        return False
