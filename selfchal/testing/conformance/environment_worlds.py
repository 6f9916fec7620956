"""Rules for the worlds of an environment: private, resettable, the same in every process."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from typing import Any

from selfchal.core.world import Change
from selfchal.testing.conformance.case import demand, demand_type
from selfchal.testing.conformance.environment_subject import Subject, answer, demand_equal

TWIN = "selfchal.testing.conformance.environment_twin"


def worlds_start_alike(kit: Subject) -> None:
    environment = kit.environment()
    one, other = environment.open({}), environment.open({})
    demand(one.digest() == other.digest(), "two fresh worlds have different digests")
    demand(one.canonical_sha256() == other.canonical_sha256(), "two fresh worlds have different states")
    demand_type(one.ended, bool, "world.ended")
    demand(not one.ended, "a fresh world has ended")
    for what, told in (("digest()", one.digest()), ("canonical_sha256()", one.canonical_sha256())):
        demand_type(told, str, what)
    demand_type(one.difference(), (tuple, list), "difference()")
    demand(not one.difference(), f"a fresh world differs from its start: {one.difference()}")


def answers_repeat(kit: Subject) -> None:
    """Random answers, and state that is kept outside of worlds: in globals, in mutable defaults."""
    environment = kit.environment()
    first = [answer(environment.open({}), calls) for calls in kit.sequences]
    for calls, before in zip(kit.sequences, first, strict=True):
        world = environment.open({})
        demand_equal(calls, before, answer(world, calls), "a fresh world answers otherwise than another")
        world.reset()
        demand_equal(calls, before, answer(world, calls), "a world answers otherwise after reset()")


def answers_are_copies(kit: Subject) -> None:
    """Whoever is given an answer may change it, and keeps the arguments that it called with."""
    environment = kit.environment()
    for calls in kit.sequences[: len(kit.played) + 2]:
        world = environment.open({})
        for name, args, kwargs in calls:
            given = copy.deepcopy((args, kwargs))
            result = world.call(name, args, kwargs)
            demand((args, kwargs) == given, f"{name} changes the arguments that it is called with: {given}")
            before = world.canonical_sha256()
            if _spoil(result.value):
                demand(
                    world.canonical_sha256() == before,
                    f"what {name} gives is a part of the world: whoever changes the answer changes the state",
                )


def _spoil(value: Any) -> bool:
    """Change a list or a dict; False for a value that cannot be changed."""
    if isinstance(value, list):
        value.append("spoilt")
    elif isinstance(value, dict):
        value["spoilt"] = True
    return isinstance(value, list | dict)


def worlds_are_private(kit: Subject) -> None:
    environment = kit.environment()
    used, other = environment.open({}), environment.open({})
    before = other.canonical_sha256()
    for calls in kit.sequences:
        answer(used, calls)
    kit.stir_with_junk(used)
    demand(other.canonical_sha256() == before, "calls on one world changed another")
    demand(environment.open({}).canonical_sha256() == before, "calls on a world changed later ones")


def forks_go_on(kit: Subject) -> None:
    for world, calls in kit.list_stirred():
        before, fork, twin = world.canonical_sha256(), world.fork(), world.fork()
        demand(fork.canonical_sha256() == before, "a fork has another state than its origin")
        demand(fork.digest() == world.digest(), "a fork has another digest than its origin")
        demand(fork.difference() == world.difference(), "a fork differs from the start otherwise")
        answers = answer(fork, calls)
        demand_equal(calls, answers, answer(twin, calls), "two forks of one world answer differently")
        demand(world.canonical_sha256() == before, "calls on a fork changed its origin")
        demand_equal(calls, answers, answer(world, calls), "a fork answers otherwise than its origin")


def forks_are_private(kit: Subject) -> None:
    for world, calls in kit.list_stirred():
        before, fork = world.canonical_sha256(), world.fork()
        answer(fork, calls)
        kit.stir_with_junk(fork)
        demand(world.canonical_sha256() == before, "calls on a fork changed its origin")
        after = fork.canonical_sha256()
        answer(world, calls)
        demand(fork.canonical_sha256() == after, "calls on a world changed its fork")
        fork.reset()
        demand(not fork.difference(), "after reset() a fork differs from the start")


def reset_leads_back(kit: Subject) -> None:
    world = kit.environment().open({})
    before = world.digest(), world.canonical_sha256()
    for calls in kit.sequences:
        answer(world, calls)
        world.reset()
        demand(world.digest() == before[0], "reset() does not lead back to the start")
    kit.stir_with_junk(world)
    world.reset()
    demand((world.digest(), world.canonical_sha256()) == before, "reset() does not lead back to the start")
    demand(not world.difference() and not world.ended, "after reset() something is left")


def digest_and_difference_agree(kit: Subject) -> None:
    digests, states, differences = dict[str, str](), dict[str, str](), dict[str, str]()
    for calls in [*kit.sequences, kit.list_junk()]:
        world = kit.environment().open({})
        start = world.digest()
        for name, args, kwargs in calls:
            world.call(name, args, kwargs)
            digest, state = world.digest(), world.canonical_sha256()
            demand(digests.setdefault(digest, state) == state, "one digest stands for two states")
            demand(states.setdefault(state, digest) == digest, "one state has two digests")
            for change in world.difference():
                demand_type(change, Change, "difference()")
            demand((digest == start) == (not world.difference()), "digest and difference() disagree")
            told = repr(world.difference())
            demand(
                differences.setdefault(told, digest) == digest,
                f"two states have one difference(), which leaves something out: {told:.200}",
            )


def twins_agree(kit: Subject) -> None:
    """The same calls in another process, whose sets and hashes have another order."""
    calls = [list(one) for sequence in kit.sequences for one in sequence]
    asked = json.dumps({"name": kit.cls.name, "options": dict(kit.options), "calls": calls})
    seen = []
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", TWIN],
            input=asked,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        said = (done.stderr.strip().splitlines() or ["it says nothing"])[
            -1
        ]  # of a traceback the error itself
        demand(done.returncode == 0, f"in another process it fails: {said[:300]}")
        seen.append(json.loads(done.stdout.splitlines()[-1]))
    one, other = seen
    for what in ("tools", "contexts", "tasks", "start"):
        demand(one[what] == other[what], f"its {what} are other ones under another hash seed")
    demand_equal(kit.list_arguments(calls), one["answers"], other["answers"], "under another hash seed")
