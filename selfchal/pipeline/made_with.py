"""What tasks were made with, in short: tools, data and checks, so that a change can be named later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from selfchal.core.environment import Environment, list_unchecked
from selfchal.core.world import Json
from selfchal.pipeline.context import describe_versions

MADE_WITH = "made_with"  # the fact in a run's store


def describe_making(environments: Mapping[str, Environment], checks: Sequence[str]) -> dict[str, Json]:
    """Digests by environment, and the names of the checks."""
    return {
        "selfchal": describe_versions()["selfchal"],
        "environments": {name: _describe(environment) for name, environment in environments.items()},
        "checks": sorted(checks),
    }


def _describe(environment: Environment) -> dict[str, Json]:
    world = ""  # of a world elsewhere, whose state cannot be had
    if not list_unchecked(environment):
        world = environment.open(environment.exploration_context(0)).canonical_sha256()
    tools = {tool.name: _digest(asdict(tool)) for tool in environment.tools}
    return {"tools": tools, "world": world, "policy": _digest(environment.policy)}


def _digest(value: Json) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def list_changes(before: Mapping[str, Json], now: Mapping[str, Json]) -> Iterator[str]:
    """A few words for each thing that is another one now."""
    if before["selfchal"] != now["selfchal"]:
        yield f"selfchal was {before['selfchal']} and is {now['selfchal']}"
    yield from _list_names("check", dict.fromkeys(before["checks"]), dict.fromkeys(now["checks"]))
    for name, made in before["environments"].items():
        found = now["environments"].get(name)
        if found is not None:
            yield from (f"{name}: {said}" for said in _list_differences(made, found))


def _list_differences(made: Mapping[str, Json], found: Mapping[str, Json]) -> Iterator[str]:
    yield from _list_names("tool", made["tools"], found["tools"])
    if made["world"] != found["world"]:
        yield "the data of its world are others"
    if made["policy"] != found["policy"]:
        yield "its policy is another one"


def _list_names(what: str, made: Mapping[str, Json], found: Mapping[str, Json]) -> Iterator[str]:
    for name in sorted({*made, *found}):
        if name not in found:
            yield f"{what} {name} is gone"
        elif name not in made:
            yield f"{what} {name} is new"
        elif made[name] != found[name]:
            yield f"{what} {name} is described otherwise"
