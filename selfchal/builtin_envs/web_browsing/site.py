"""A site: named pages of text lines, with links written ``[Clickable '/page']``, and ways through them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

START = "/"
_LINK = re.compile(r"\[Clickable '([^']*)'\]")


@dataclass(frozen=True)
class Site:
    """``pages``: the lines of each page by its name; ``/`` is the landing page."""

    pages: Mapping[str, tuple[str, ...]]

    @cached_property
    def links(self) -> Mapping[str, tuple[str, ...]]:
        """The names that each page links to, in order, each once."""
        return {
            name: tuple(dict.fromkeys(_LINK.findall("\n".join(lines)))) for name, lines in self.pages.items()
        }

    def way(self, start: str, goal: str) -> Sequence[str]:
        """The pages to click, in turn, from ``start`` to ``goal``: a shortest way. KeyError if none."""
        came_from: dict[str, str] = {start: start}
        waiting = deque([start])
        while waiting and goal not in came_from:
            page = waiting.popleft()
            for target in self.links[page]:
                if target in self.pages and target not in came_from:
                    came_from[target] = page
                    waiting.append(target)
        steps = []
        page = goal
        while page != start:
            steps.append(page)
            page = came_from[page]
        return steps[::-1]


def make_site(pages: Iterable[tuple[str, str]]) -> Site:
    """A site of (name, content) pairs; the content's lines are what ``\\n`` separates."""
    return Site({name: tuple(content.split("\n")) for name, content in pages})


def link(text: str, name: str) -> str:
    return f"{text} [Clickable '{name}']"
