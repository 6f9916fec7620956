"""Our own site: large enough, whole, consistent, always the same; and the original's with its links mended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfchal.builtin_envs.web_browsing import pages
from selfchal.builtin_envs.web_browsing import site_facts as site_facts
from selfchal.builtin_envs.web_browsing.environment import WebBrowsing, WebBrowsingConfig
from selfchal.builtin_envs.web_browsing.site import START, Site, make_site
from selfchal.core.errors import EnvironmentDataError
from tests.support.benchmark import benchmark_data

FILLERS = {"/council/people", "/harbour/to", "/harbour/ships"}  # only the name above other pages


def test_every_page_is_reached_in_one_to_three_clicks_and_no_link_is_broken() -> None:
    site = pages.own_site()
    assert len(site.pages) >= 150
    clicks = [len(site.way(START, name)) for name in site.pages if name not in FILLERS and name != START]
    assert (min(clicks), max(clicks)) == (1, 3)
    assert all(target in site.pages for targets in site.links.values() for target in targets)


def test_every_page_leads_home() -> None:
    site = pages.own_site()
    assert all(site.way(name, START) for name in site.pages if name != START)


def test_no_two_things_share_a_page_or_a_name() -> None:
    facts = site_facts.site_facts()
    things = [*facts.offices, *facts.people, *facts.routes, *facts.ships, *facts.stalls, *facts.goods]
    things += [*facts.exhibits, *facts.books, *facts.trails, *facts.events]
    names = [thing.page for thing in things]
    assert len(set(names)) == len(names)
    assert set(names) <= set(pages.own_site().pages)
    assert len({person.name for person in facts.people}) == len(facts.people)


def test_always_the_same() -> None:
    first = pages.own_site().pages
    site_facts.site_facts.cache_clear()
    pages.own_site.cache_clear()
    assert pages.own_site().pages == first


def test_the_shortest_way_and_no_way() -> None:
    site = make_site(
        [("/", "[Clickable '/a'] [Clickable '/b']"), ("/a", "[Clickable '/b']"), ("/b", ""), ("/c", "")]
    )
    assert site.way("/", "/b") == ["/b"]
    assert site.way("/a", "/a") == []
    with pytest.raises(KeyError):
        site.way("/", "/c")


def original(profile: str) -> Site:
    config = WebBrowsingConfig(profile=profile, data=benchmark_data("envdata/m3tooleval"))  # type: ignore[arg-type]  # a profile
    return WebBrowsing(config).open({}).browser.site


def test_fixed_mends_the_two_broken_links_of_the_original() -> None:
    def broken(site: Site) -> set[str]:
        return {target for targets in site.links.values() for target in targets if target not in site.pages}

    assert broken(original("compat")) == {"/team/customer_support", "/blog/wand-maintenance"}
    assert broken(original("fixed")) == set()


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "does not exist"), ("{", "cannot be read"), ("[]", "no page '/'"), ("[1]", "web_pages.json")],
)
def test_bad_data_is_named(tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / "web_pages.json").write_text(content)
    with pytest.raises(EnvironmentDataError, match=says):
        WebBrowsing(WebBrowsingConfig(data=tmp_path))


def test_other_pages_can_be_given(tmp_path: Path) -> None:
    rows = [
        {"name": "/", "content": "Hello\n- Next [Clickable '/next']"},
        {"name": "/next", "content": "Bye"},
    ]
    (tmp_path / "web_pages.json").write_text(json.dumps(rows))
    world = WebBrowsing(WebBrowsingConfig(profile="fixed", data=tmp_path)).open({})
    assert "Bye" in world.show(world.call("click_url", ["/next"], {}))


def test_the_originals_data_comes_with_the_originals_behaviour_unless_told_otherwise() -> None:
    data = benchmark_data("envdata/m3tooleval")
    quirk = "[Reached the top of the page.]\n"
    for config, said in (
        (WebBrowsingConfig(data=data), quirk),
        (WebBrowsingConfig(profile="fixed", data=data), quirk.strip()),
        (WebBrowsingConfig(), quirk.strip()),
    ):
        world = WebBrowsing(config).open({})
        assert world.show(world.call("scroll_up", (), {})) == said
