"""The browser's tools, mended: an exact number of screens, and only the page's own links can be clicked."""

from __future__ import annotations

from selfchal.builtin_envs.calculation.tools import calculator
from selfchal.builtin_envs.toolset import Said
from selfchal.builtin_envs.web_browsing.browser import LINES_A_SCREEN, Browser
from selfchal.tools.tool import tool


def click_url(browser: Browser, url: str) -> str:
    """Clicks a link of the current page and shows the page that it leads to. A link looks like
    [Clickable '/page'] and may stand on any screen of the page.

    Args:
        url: the name between the quotes of the link, e.g. "/page"
    """
    name = url.strip(" '\"")
    if name not in browser.site.links[browser.page]:
        raise Said(f"[This page has no link to '{name}'.]")
    if name not in browser.site.pages:
        raise Said(f"[The link to '{name}' is broken.]")
    browser.open(name)
    return _open(browser)


def go_to_previous_page(browser: Browser) -> str:
    """Goes back to the page before this one and shows it from its top."""
    if not browser.back():
        raise Said("[No previous page.]")
    return _open(browser)


def scroll_down(browser: Browser) -> str:
    """Shows the next screen of the current page."""
    if not browser.down():
        raise Said("[Reached the bottom of the page.]")
    return view(browser)


def scroll_up(browser: Browser) -> str:
    """Shows the screen of the current page before this one."""
    if not browser.up():
        raise Said("[Reached the top of the page.]")
    return view(browser)


def view(browser: Browser) -> str:
    """Shows the current screen of the current page."""
    return browser.screen(screens=max(1, -(-len(browser.lines) // LINES_A_SCREEN)))


def _open(browser: Browser) -> str:
    return f"[Opened page: {browser.page}]\n{view(browser)}"


_MOVES = (click_url, go_to_previous_page, scroll_down, scroll_up)
TOOLS = (
    *(tool(function, writes=True, bound=True) for function in _MOVES),
    tool(view, bound=True),
    tool(calculator),
)
