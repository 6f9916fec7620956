"""The browser's tools, mended: an exact number of screens, and only the page's own links can be clicked."""

from __future__ import annotations

from typing import Any

from selfchal.builtin_envs.calculation.tools import calculator
from selfchal.builtin_envs.web_browsing.browser import LINES_A_SCREEN, Browser
from selfchal.core.tools import tool
from selfchal.core.world import ToolResult


def click_url(browser: Browser, url: str) -> Any:
    """Clicks a link of the current page and shows the page that it leads to. A link looks like
    [Clickable '/page'] and may stand on any screen of the page.

    Args:
        url: the name between the quotes of the link, e.g. "/page"
    """
    name = url.strip(" '\"")
    if name not in browser.site.links[browser.page]:
        return _said(f"[This page has no link to '{name}'.]")
    if name not in browser.site.pages:
        return _said(f"[The link to '{name}' is broken.]")
    browser.open(name)
    return _opened(browser)


def go_to_previous_page(browser: Browser) -> Any:
    """Goes back to the page before this one and shows it from its top."""
    return _opened(browser) if browser.back() else _said("[No previous page.]")


def scroll_down(browser: Browser) -> Any:
    """Shows the next screen of the current page."""
    return view(browser) if browser.down() else _said("[Reached the bottom of the page.]")


def scroll_up(browser: Browser) -> Any:
    """Shows the screen of the current page before this one."""
    return view(browser) if browser.up() else _said("[Reached the top of the page.]")


def view(browser: Browser) -> str:
    """Shows the current screen of the current page."""
    return browser.screen(screens=max(1, -(-len(browser.lines) // LINES_A_SCREEN)))


def _opened(browser: Browser) -> str:
    return f"[Opened page: {browser.page}]\n{view(browser)}"


def _said(text: str) -> ToolResult:
    """The page stays; the code gets the text."""
    return ToolResult(text, ok=False)


_MOVES = (click_url, go_to_previous_page, scroll_down, scroll_up)
TOOLS = (
    *(tool(function, writes=True, bound=True) for function in _MOVES),
    tool(view, bound=True),
    tool(calculator),
)
