"""The Web Browsing environment: find facts on a site of linked pages."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from selfchal.builtin_envs import toolset
from selfchal.builtin_envs.answers import same_answer
from selfchal.builtin_envs.m3tooleval import answers, data, functions, observation
from selfchal.builtin_envs.web_browsing import compat, heldout, tools
from selfchal.builtin_envs.web_browsing.browser import Browser
from selfchal.builtin_envs.web_browsing.pages import own_site
from selfchal.builtin_envs.web_browsing.site import START, Site, make_site
from selfchal.builtin_envs.web_browsing.world import WebWorld
from selfchal.core.environment import Chat, ExampleCalls, User
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.task import TestTask
from selfchal.core.world import Json, ToolResult, ToolSpec, World

ORIGINAL = "original"
_FAMILY = ("web_browsing",)
# Two pages of the original that its own links miss.
_BROKEN_LINKS = {
    "/team/customer_support": "/team/customer-support",
    "/blog/wand-maintenance": "/blog/wand_maintenance",
}
_POLICY = (
    "You see a web site a few lines at a time. Find what is asked on its pages, then give the answer "
    "alone, in the form that is asked for, without other words. Your first answer counts."
)


class WebBrowsingConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    profile: Literal["fixed", "compat"] | None = Field(
        None,
        description="fixed: mended tools and answer check; compat: M3ToolEval's, quirk for quirk. "
        "Default: fixed with our own data, compat where the original's is given",
    )
    data: Path | None = Field(
        None, description="folder with M3ToolEval's data as JSON: its pages and its tasks are used"
    )


class WebBrowsing:
    """A site to click through: pages, links, screens, facts that need several clicks."""

    name: ClassVar[str] = "web_browsing"
    Config: ClassVar[type[BaseModel]] = WebBrowsingConfig
    # Of tools that no held-out task uses, and whose arguments no random call finds.
    example_calls: ClassVar[ExampleCalls] = (
        ("calculator", {"expression": "2 + 3"}),
        ("click_url", {"url": "/market"}),
        ("go_to_previous_page", {}),
    )

    @classmethod
    def asks_model(cls, config: WebBrowsingConfig) -> bool:
        return False

    def __init__(self, config: WebBrowsingConfig) -> None:
        self._data = None if config.data is None else data.data_directory(config.data.expanduser())
        self._compat = (config.profile or ("compat" if self._data else "fixed")) == "compat"
        self._site = own_site() if self._data is None else _read_site(self._data, mended=not self._compat)
        self._offered = toolset.Toolset(tools.TOOLS)
        self._tools: Sequence[ToolSpec] = self._offered.specs
        if self._data is not None and self._compat:
            self._tools = data.specs(self._data, _FAMILY, {spec.name: spec for spec in self._tools})

    @property
    def tools(self) -> Sequence[ToolSpec]:
        return self._tools

    @property
    def policy(self) -> str:
        return _POLICY

    @property
    def answer_required(self) -> bool:
        return True

    def open(self, context: Mapping[str, Json]) -> WebWorld:
        """``context`` may name the ``page`` to start from. Raises EnvironmentDataError for an unknown one."""
        page = context.get("page", START)
        if not isinstance(page, str) or page not in self._site.pages:
            raise EnvironmentDataError(f"the context asks for page {page!r}, which the site does not have")
        browser = Browser(self._site, page)
        if self._compat:
            return WebWorld(browser, self._offered.names, _show_as_original, observation.shown)
        return WebWorld(browser, self._offered.names, self._show_as_mended, toolset.shown)

    def _show_as_mended(
        self, browser: Browser, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]
    ) -> ToolResult:
        return self._offered.call((browser,), name, args, kwargs)

    def initial_observation(self, context: Mapping[str, Json]) -> str:
        world = self.open(context)
        return world.show(world.call("view", (), {}))

    def exploration_context(self, seed: int) -> dict[str, Json]:
        """The landing page, or one of the sections it links to: so that challengers see all of the site."""
        if self._compat:
            return {}
        known = [page for page in self._site.links[START] if page in self._site.pages]
        return {"page": random.Random(seed).choice([START, *known])}

    def redact(self, instruction: str, context: Mapping[str, Json]) -> str:
        return instruction

    def splits(self) -> Sequence[str]:
        return ("test", "dev") if self._data is None else (ORIGINAL,)

    def test_tasks(self, split: str) -> Sequence[TestTask]:
        """Raises EnvironmentDataError for a split that this configuration does not have."""
        if split not in self.splits():
            raise EnvironmentDataError(
                f"web_browsing has no split {split!r} here; it has {', '.join(self.splits())}"
            )
        if self._data is None:
            return heldout.test_tasks(split)
        return data.tasks(self._data, "web_browsing", _FAMILY)

    def grade(self, task: TestTask, world: World, answer: str | None, replies: Sequence[str]) -> bool:
        if self._compat and answer is not None:
            return answers.check(task.truth["answer"], task.truth.get("type"), answer)
        return same_answer(task.truth["answer"], answer)

    def oracle(self, task: TestTask) -> Sequence[str]:
        """Of the original's tasks, which come without a solution, the answer alone."""
        turns: Sequence[str] | None = task.truth.get("turns")
        if turns is not None:
            return turns
        return (f"Answer: {answers.spelt(task.truth['answer'], task.truth.get('type'))}",)

    def user(self, instruction: str, context: Mapping[str, Json], chat: Chat | None) -> User | None:
        return None


def _show_as_original(
    browser: Browser, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]
) -> ToolResult:
    return functions.call(compat.functions(browser), name, args, kwargs)


def _read_site(folder: Path, *, mended: bool) -> Site:
    rows = data.rows(folder, "web_pages.json", "name", "content")
    pages = [(str(row["name"]), str(row["content"])) for row in rows]
    for wrong, right in _BROKEN_LINKS.items() if mended else ():
        pages = [(name, content.replace(f"'{wrong}'", f"'{right}'")) for name, content in pages]
    site = make_site(pages)
    if START not in site.pages:
        raise EnvironmentDataError(f"{folder / 'web_pages.json'} has no page {START!r} to start from")
    return site
