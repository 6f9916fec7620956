"""10,000 random calls an environment: nothing escapes, no world changes another, digests tell the truth."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

import pytest

from selfchal.builtin_envs.calculation.environment import Calculation, CalculationConfig
from selfchal.builtin_envs.web_browsing.browser import Browser
from selfchal.builtin_envs.web_browsing.environment import WebBrowsing, WebBrowsingConfig
from selfchal.core.world import Change, ToolResult
from tests.builtin_envs.random_calls import random_call

CALLS = 10_000
PROFILES = ("fixed", "compat")


def strict_json(value: Any) -> bool:
    return bool(json.loads(json.dumps(value, allow_nan=False)) == value)


def recomputed(browser: Browser) -> tuple[str, tuple[Change, ...]]:
    """Digest and difference from nothing but the state and the start."""
    text = json.dumps(browser.state(), sort_keys=True, separators=(",", ":"))
    now, start = flat(browser.state()), flat({"page": browser.start, "scroll": 0, "history": []})
    paths = sorted(set(now) | set(start), key=lambda path: (path[0], path[1:]))
    changes = [Change(path, start.get(path), now.get(path)) for path in paths]
    return (
        hashlib.sha256(text.encode()).hexdigest(),
        tuple(change for change in changes if change.before != change.after),
    )


def flat(state: dict[str, Any]) -> dict[tuple[str | int, ...], Any]:
    history = {("history", index): page for index, page in enumerate(state["history"])}
    return {("page",): state["page"], ("scroll",): state["scroll"], **history}


@pytest.mark.parametrize("profile", PROFILES)
def test_calculation(profile: Any) -> None:
    env = Calculation(CalculationConfig(profile=profile))
    rng = random.Random(1)
    world, other = env.open({}), env.open({})
    start = world.digest()
    answered = 0
    for _ in range(CALLS):
        result = world.call(*random_call(rng, env.tools, ()))
        assert isinstance(result, ToolResult)
        assert isinstance(world.show(result), str)
        assert strict_json(result.value), result
        answered += result.ok
    assert world.digest() == other.digest() == start == world.canonical_sha256()
    assert world.difference() == ()
    assert CALLS / 10 < answered < CALLS


@pytest.mark.parametrize("profile", PROFILES)
def test_web_browsing(profile: Any) -> None:
    env = WebBrowsing(WebBrowsingConfig(profile=profile))
    rng = random.Random(2)
    world, still = env.open({}), env.open({"page": "/market"})
    before = still.digest()
    moved = 0
    for number in range(CALLS):
        words = (*world.browser.site.links[world.browser.page], "/market", "'/trails'", "/nowhere")
        was = world.digest()
        twin = world.fork()
        result = world.call(*random_call(rng, env.tools, words))
        assert isinstance(world.show(result), str)
        assert strict_json(result.value), result
        assert (world.digest(), world.difference()) == recomputed(world.browser)
        assert world.canonical_sha256() == world.digest()
        assert twin.digest() == was
        moved += world.digest() != was
        if number % 100 == 99:
            world.reset()
            assert world.difference() == ()
            assert world.digest() == env.open({}).digest()
    assert still.digest() == before
    assert CALLS / 20 < moved < CALLS
