"""A browser on one site: the page, how far it is scrolled, and the pages before it. The world's state.

``moves`` are M3ToolEval's, quirks included; ``tools`` has the mended ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selfchal.builtin_envs.web_browsing.site import START, Site
from selfchal.core.world import Change, Json

LINES_A_SCREEN = 5
_RULE = "-" * 10


@dataclass
class Browser:
    """``start`` is where it begins and where ``reset`` returns to."""

    site: Site
    start: str = START
    page: str = START
    scroll: int = 0  # lines above the screen
    history: list[str] = field(default_factory=list)
    _digest: str | None = None

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.page, self.scroll, self.history, self._digest = self.start, 0, [], None

    def copy(self) -> Browser:
        twin = Browser(self.site, self.start)
        twin.page, twin.scroll, twin.history = self.page, self.scroll, list(self.history)
        twin._digest = self._digest
        return twin

    @property
    def lines(self) -> tuple[str, ...]:
        return self.site.pages[self.page]

    def open(self, page: str) -> None:
        self.history.append(self.page)
        self._move(page, 0)

    def back(self) -> bool:
        """Is there a page to go back to? Then go."""
        if not self.history:
            return False
        self._move(self.history.pop(), 0)
        return True

    def down(self) -> bool:
        if self.scroll + LINES_A_SCREEN >= len(self.lines):
            return False
        self._move(self.page, self.scroll + LINES_A_SCREEN)
        return True

    def up(self) -> bool:
        if self.scroll == 0:
            return False
        self._move(self.page, self.scroll - LINES_A_SCREEN)
        return True

    def _move(self, page: str, scroll: int) -> None:
        self.page, self.scroll, self._digest = page, scroll, None

    def screen(self, screens: int) -> str:
        """The lines on the screen, under the page's name and "page 1 of ``screens``"."""
        shown = self.lines[self.scroll : self.scroll + LINES_A_SCREEN]
        number = self.scroll // LINES_A_SCREEN + 1
        head = f"[Web Page Name: {self.page}]\n[Viewing page {number} of {screens}]\n"
        return "\n".join((_RULE, head, *shown, _RULE))

    def state(self) -> dict[str, Json]:
        return {"page": self.page, "scroll": self.scroll, "history": list(self.history)}

    def digest(self) -> str:
        if self._digest is None:
            self._digest = sha256(self.state())
        return self._digest

    def difference(self) -> tuple[Change, ...]:
        """Ordered by path: pages that the history gained, the page, how far it is scrolled."""
        changes = [Change(("history", facts), None, page) for facts, page in enumerate(self.history)]
        if self.page != self.start:
            changes.append(Change(("page",), self.start, self.page))
        if self.scroll:
            changes.append(Change(("scroll",), 0, self.scroll))
        return tuple(changes)


def sha256(state: Mapping[str, Any]) -> str:
    text = json.dumps(state, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
