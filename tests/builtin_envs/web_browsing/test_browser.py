"""The mended browser, what a world knows of itself, and how ``compat`` differs."""

from __future__ import annotations

import pytest

from selfchal.builtin_envs.web_browsing.environment import WebBrowsing, WebBrowsingConfig
from selfchal.builtin_envs.web_browsing.world import WebWorld
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Change

FIXED = WebBrowsing(WebBrowsingConfig())
COMPAT = WebBrowsing(WebBrowsingConfig(profile="compat"))


def see(world: WebWorld, name: str, *args: object) -> str:
    return world.show(world.call(name, args, {}))


def test_clicking_scrolling_and_going_back() -> None:
    world = FIXED.open({})
    assert "[Opened page: /market]" in see(world, "click_url", "/market")
    first = see(world, "view")
    assert "[Viewing page 1 of 3]" in first
    assert "[Viewing page 2 of 3]" in see(world, "scroll_down")
    assert see(world, "scroll_up") == first
    assert see(world, "scroll_up") == "[Reached the top of the page.]"
    see(world, "click_url", "/market/salt_barrel")
    assert "[Opened page: /market]" in see(world, "go_to_previous_page")
    assert "[Opened page: /]" in see(world, "go_to_previous_page")
    assert see(world, "go_to_previous_page") == "[No previous page.]"


def test_the_last_screen_has_lines_and_then_the_bottom_is_reached() -> None:
    for page in FIXED.open({}).browser.site.pages:
        world = FIXED.open({"page": page})
        screens = 1
        while world.call("scroll_down", (), {}).ok:
            screens += 1
        assert f"[Viewing page {screens} of {screens}]" in see(world, "view")
        assert world.browser.lines[world.browser.scroll :]


def test_only_links_of_the_page_can_be_clicked_in_fixed_and_any_page_in_compat() -> None:
    far = "/market/salt_barrel/sea_salt"
    world = FIXED.open({})
    assert see(world, "click_url", far) == f"[This page has no link to '{far}'.]"
    assert world.difference() == ()
    assert f"[Opened page: {far}]" in see(COMPAT.open({}), "click_url", far)


@pytest.mark.parametrize("url", ["'/market'", ' "/market" ', "/market"])
def test_quotes_around_a_url_do_not_matter(url: str) -> None:
    assert "[Opened page: /market]" in see(FIXED.open({}), "click_url", url)


def test_refusals_are_texts_for_moves_and_errors_for_wrong_arguments() -> None:
    world = FIXED.open({})
    moved = world.call("click_url", ["/nowhere"], {})
    assert (moved.ok, moved.raises) == (False, False)
    wrong = world.call("click_url", [3], {})
    assert (wrong.ok, wrong.raises) == (False, True)
    assert "url must be a string, not 3" in wrong.value


def test_difference_and_digest() -> None:
    world = FIXED.open({})
    start = world.digest()
    see(world, "click_url", "/market")
    see(world, "scroll_down")
    assert world.difference() == (
        Change(("history", 0), None, "/"),
        Change(("page",), "/", "/market"),
        Change(("scroll",), 0, 5),
    )
    twin = world.fork()
    assert twin.digest() == world.digest() != start
    see(twin, "go_to_previous_page")
    assert twin.digest() == start
    assert twin.difference() == ()
    world.reset()
    assert world.digest() == start


def test_a_reset_returns_to_the_page_of_the_context() -> None:
    world = FIXED.open({"page": "/trails"})
    see(world, "click_url", "/trails/kelp_shore")
    world.reset()
    assert see(world, "view") == FIXED.initial_observation({"page": "/trails"})


@pytest.mark.parametrize("page", ["/nowhere", 3, ["/"]])
def test_an_unknown_start_page_is_an_error(page: object) -> None:
    with pytest.raises(EnvironmentDataError, match="does not have"):
        FIXED.open({"page": page})


def test_exploration_starts_on_the_landing_page_or_a_section() -> None:
    starts = {FIXED.exploration_context(seed)["page"] for seed in range(200)}
    assert {"/", "/market", "/festival"} <= starts
    assert len(starts) == 8
    assert FIXED.exploration_context(3) == FIXED.exploration_context(3)
    assert all(FIXED.initial_observation({"page": start}) for start in starts)


def test_what_writes_is_declared() -> None:
    writes = {spec.name for spec in FIXED.tools if spec.writes}
    assert writes == {"click_url", "go_to_previous_page", "scroll_down", "scroll_up"}
