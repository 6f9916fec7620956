"""A Web Browsing world: a browser, and one of two ways to answer calls on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from selfchal.builtin_envs.web_browsing.browser import Browser, sha256
from selfchal.core.world import Change, Json, ToolResult

Answer = Callable[[Browser, str, Sequence[Json], Mapping[str, Json]], ToolResult]


class WebWorld:
    """Answers calls with ``answer`` and shows results with ``show``: both come from the profile."""

    ended = False

    def __init__(
        self,
        browser: Browser,
        tool_names: Sequence[str],
        answer: Answer,
        show: Callable[[ToolResult], str],
    ) -> None:
        self.browser = browser
        self.tool_names = tool_names
        self._answer = answer
        self._show = show

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        return self._answer(self.browser, name, args, kwargs)

    def show(self, result: ToolResult) -> str:
        return self._show(result)

    def digest(self) -> str:
        return self.browser.digest()

    def canonical_sha256(self) -> str:
        return sha256(self.browser.state())

    def difference(self) -> tuple[Change, ...]:
        return self.browser.difference()

    def fork(self) -> WebWorld:
        return WebWorld(self.browser.copy(), self.tool_names, self._answer, self._show)

    def reset(self) -> None:
        self.browser.reset()
