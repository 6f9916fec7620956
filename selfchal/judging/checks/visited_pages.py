"""Pages that a solution visits: does the instruction say which of the links beside each other is meant?

A link may be named by its address or on an earlier page, or by what only the page behind it shows ("the stall
that sells horseshoes"). For the latter the pages behind the other links are opened as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from selfchal.core.world import Call, Json, ToolSpec, World
from selfchal.judging.checks.lookups import LABEL, read_label
from selfchal.judging.mutants import placed, with_argument
from selfchal.judging.reading.question import Question
from selfchal.judging.wording import Wording, features

_MOST_OPENED = 40  # pages of a task that are looked into
_TELLING = 3  # digits of a number that does not stand on a page by chance
_VIEWS = 3  # calls of one tool without arguments that show more of a page


@dataclass
class Walk:
    """The solution's way through the pages, and a world to look beside it."""

    calls: Sequence[Call]
    tools: Sequence[ToolSpec]
    open_world: Callable[[], World]
    _opened: int = field(default=0, init=False)

    def read_behind(self, number: int, addresses: Sequence[str]) -> list[frozenset[str]]:
        """What the pages behind these addresses show, each opened instead of the page of this call."""
        self._opened += len(addresses)
        world = self.open_world()
        for call in self.calls[:number]:
            world.call(call.name, call.args, call.kwargs)
        return [frozenset(features(self._read_page(world.fork(), number, one))) for one in addresses]

    def may_open(self, count: int) -> bool:
        """A page costs calls of every tool that shows more of it, and a list may have thousands of links."""
        return self._opened + count <= _MOST_OPENED

    def _read_page(self, world: World, number: int, address: str) -> Iterator[str]:
        call = self.calls[number]
        places = placed([list(call.args), dict(call.kwargs)])
        where = next(where for where, value in places if isinstance(value, str) and value.startswith("/"))
        other = with_argument(call, where, address)
        yield str(world.call(other.name, other.args, other.kwargs).value)
        for tool in self.tools:
            view = world.fork()
            for _ in range(0 if tool.parameters.get("properties") else _VIEWS):
                yield str(view.call(tool.name, (), {}).value)


def strayed(walk: Walk, wording: Wording) -> tuple[list[str], list[Question]]:
    """Pages that the solution picked out of a list of links without the instruction naming them. Then a
    question about each that goes by a label of its own, which may be said in other words."""
    visited = {address for call in walk.calls for address in _list_addresses(call)}
    missing: dict[str, None] = {}
    questions: dict[str, Question] = {}
    views: list[list[str]] = [[]]  # what was seen since each visit
    for number, call in enumerate(walk.calls):
        addresses = _list_addresses(call)
        pages = [page for view in views for page in view]
        for address in addresses:
            on_the_way = any(other.startswith(f"{address.rstrip('/')}/") for other in visited - {address})
            alike = [] if on_the_way else _list_alike(address, views, visited, wording)
            if not alike or _is_told_by_content(walk, number, address, alike, wording):
                continue
            what = f"which page is meant ({address!r})"
            role, others = _find_role(address, alike, pages)
            if role is None:
                missing[what] = None
            elif not features([role]) <= wording.mentioned(features([role])):
                told = f"It is about: {role}."
                questions[what] = Question(what, "page to open", role, others, in_words=True, told=told)
        if addresses:
            views.append([])
        if isinstance(call.value, str):
            views[-1].append(call.value)
    return list(missing), list(questions.values())


def _list_alike(
    address: str, views: Sequence[Sequence[str]], visited: set[str], wording: Wording
) -> list[str]:
    """The links beside this one of which all that is said of it is true as well."""
    rivals = [link for link in _find_links_beside(address, views) if link not in visited]
    own = _list_name_features(address)
    mine = wording.mentioned(own) | (own & _read_in([page for view in views for page in view], address))
    return [link for link in rivals if not mine - _list_name_features(link)]


def _is_told_by_content(
    walk: Walk, number: int, address: str, rivals: Sequence[str], wording: Wording
) -> bool:
    """Does the instruction mention something that this page shows and none of the others does?"""
    if not walk.may_open(1 + len(rivals)):
        return False
    own, *others = walk.read_behind(number, [address, *rivals])
    mine = {one for one in wording.mentioned(own) if len(one) >= _TELLING or not one.isdigit()}
    return bool(mine) and all(mine - other for other in others)


def _find_role(
    address: str, rivals: Sequence[str], pages: Sequence[str]
) -> tuple[str | None, tuple[str, ...]]:
    """The label of the link, as in "Head of office: Leif Holt", if no link beside it has the same; then what
    the others go by."""
    lines = [line for page in reversed(pages) for line in page.splitlines()]
    mine = next((line for line in lines if f"{address}'" in line and LABEL.match(line)), None)
    others = [line for line in lines if any(f"{rival}'" in line for rival in rivals)]
    role = read_label(mine) if mine is not None else None
    if any(LABEL.match(one) and read_label(one) == role for one in others):
        role = None
    return role, tuple(dict.fromkeys(one.split("[")[0].strip(" -") for one in others))


def _read_in(pages: Sequence[str], address: str) -> set[str]:
    """What earlier pages say besides links to this place: a page may name the next one."""
    parent = address.rsplit("/", 1)[0] + "/"
    return features(line for page in pages for line in page.splitlines() if parent not in line)


def _list_addresses(call: Call) -> list[str]:
    values: tuple[Json, ...] = (*call.args, *call.kwargs.values())
    return (
        [value for value in values if isinstance(value, str) and value.startswith("/")]
        if call.changed
        else []
    )


def _find_links_beside(address: str, views: Sequence[Sequence[str]]) -> list[str]:
    """The links to sister pages on the newest page that has any, with all that was seen of that page."""
    parent = address.rsplit("/", 1)[0]
    pattern = re.compile(re.escape(parent) + r"/[\w.-]+(?![\w/.-])")
    for view in reversed(views):
        links = list(dict.fromkeys(link for page in reversed(view) for link in pattern.findall(page)))
        if links:
            return [link for link in links if link != address]
    return []


def _list_name_features(address: str) -> set[str]:
    return features([address.rsplit("/", 1)[1]])
