"""The browser's tools as M3ToolEval has them: one screen too many at multiples of five lines, any page
opens from anywhere, single quotes are dropped from a URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from selfchal.builtin_envs.m3tooleval.functions import calculator
from selfchal.builtin_envs.web_browsing.browser import LINES_A_SCREEN, Browser


@dataclass(frozen=True)
class Moves:
    browser: Browser

    def click_url(self, url: Any) -> Any:
        name = url.replace("'", "")
        if name not in self.browser.site.pages:
            return "[URL not found.]"
        self.browser.open(name)
        return self._open()

    def go_to_previous_page(self) -> Any:
        return self._open() if self.browser.back() else "[No previous page.]"

    def scroll_down(self) -> Any:
        return self.view() if self.browser.down() else "[Reached the bottom of the page.]\n"

    def scroll_up(self) -> Any:
        return self.view() if self.browser.up() else "[Reached the top of the page.]\n"

    def view(self) -> Any:
        lines = len(self.browser.lines)
        return self.browser.screen(screens=lines // LINES_A_SCREEN + 1 if lines > LINES_A_SCREEN else 1)

    def _open(self) -> str:
        return f"[Opened page: {self.browser.page}]\n{self.view()}"


def functions(browser: Browser) -> Mapping[str, Callable[..., Any]]:
    moves = Moves(browser)
    known = (moves.click_url, moves.go_to_previous_page, moves.scroll_down, moves.scroll_up, moves.view)
    return {function.__name__: function for function in (*known, calculator)}
