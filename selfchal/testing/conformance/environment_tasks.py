"""Rules for what an environment says of itself, for its contexts and its held-out tasks."""

from __future__ import annotations

import copy
import json
from typing import Any

from selfchal.core.environment import ClosableEnvironment, Environment
from selfchal.core.task import TestTask
from selfchal.core.world import World
from selfchal.testing.conformance.case import demand, demand_attributes, demand_type
from selfchal.testing.conformance.environment_calls import Played
from selfchal.testing.conformance.environment_subject import Subject

_NONSENSE = "I have looked at all of it and cannot say. " * 30


def gives_what_is_promised(kit: Subject) -> None:
    environment: Any = kit.environment()
    demand_attributes("environment", environment)
    demand_type(environment.policy, str, "policy")
    demand_type(environment.answer_required, bool, "answer_required")
    demand_type(environment.redact("Do it.", {}), str, "redact()")
    demand_type(environment.splits(), (list, tuple), "splits()")
    for split in environment.splits():
        demand_type(split, str, "splits()")
        for task in environment.test_tasks(split):
            demand_type(task, TestTask, f"test_tasks({split!r})")
    user = environment.user("Do it.", {}, None)
    if user is not None:
        both = hasattr(user, "open") and hasattr(user, "reply")
        demand(both, f"user() gave {user!r:.60}, and nobody with open() and reply()")
        demand_type(user.open(), str, "the user's open()")
    talks = user is not None or environment.answer_required
    demand(talks, "answer_required is False, and user() gives nobody who the agent could talk to")
    if isinstance(environment, ClosableEnvironment):
        environment.close()
        environment.close()


def contexts_open(kit: Subject) -> None:
    environment = kit.environment()
    for seed in range(5):
        context = environment.exploration_context(seed)
        demand(context == environment.exploration_context(seed), f"seed {seed} gives two contexts")
        demand(json.loads(json.dumps(context)) == context, "a context is not plain JSON")
        given = copy.deepcopy(context)
        environment.open(context)
        demand(context == given, "open() changes the context that it is given")
        context["another"] = 1  # whoever gets a context may change it
        demand(
            environment.exploration_context(seed) == given, "contexts share what one of them is changed by"
        )
        context = given
        demand(
            isinstance(environment.initial_observation(context), str),
            "initial_observation() gives no text",
        )


def test_tasks_are_told_apart(kit: Subject) -> None:
    environment = kit.environment()
    ids = _list_ids(environment)
    demand(len(ids) == len(set(ids)), "two test tasks have one id")
    again = _list_ids(kit.environment())
    demand(ids == again == _list_ids(environment), "test tasks have other ids each time they are asked for")


def oracle_solves(kit: Subject) -> None:
    environment = kit.environment()
    for one in kit.played:
        task, episode = one.task, one.episode
        demand(episode.reward == 1.0, f"the oracle fails {task.id}: {episode.reason} {episode.messages[-1]}")
        demand_type(kit_grade(environment, one, one.world.fork(), one.episode.answer), bool, "grade()")
        before = one.world.digest()
        kit_grade(environment, one, one.world, one.episode.answer)
        demand(one.world.digest() == before, f"grade() changes the world of {task.id}")
        answer = "ok" if environment.answer_required else None
        idle = environment.grade(task, environment.open(task.context), answer, ["ok"])
        demand(not idle, f"doing nothing solves the test task {task.id}: {task.instruction[:80]}")


def kit_grade(environment: Environment, one: Played, world: World, answer: str | None) -> Any:
    """What the environment says of this world and answer, with what was said to the user as it was played."""
    return environment.grade(one.task, world, answer, one.episode.replies)


def half_solves_nothing(kit: Subject) -> None:
    """All calls of the oracle but the last that changes something, and the same answer."""
    environment = kit.environment()
    for one in kit.played:
        changes = [i for i, call in enumerate(one.calls) if call.changed]
        if not changes:
            continue
        world = environment.open(one.task.context)
        for call in one.calls[: changes[-1]]:
            world.call(call.name, list(call.args), dict(call.kwargs))
        fresh = environment.open(one.task.context)
        if world.digest() == one.world.digest() or kit_grade(environment, one, fresh, one.episode.answer):
            continue  # the last change brought nothing new, or the answer alone counts
        left_out = one.calls[changes[-1]]
        demand(
            not kit_grade(environment, one, world, one.episode.answer),
            f"the test task {one.task.id} is solved without the oracle's last change, {left_out.name}"
            f"({dict(left_out.kwargs)!r:.80}): {one.task.instruction[:80]}",
        )


def nonsense_solves_nothing(kit: Subject) -> None:
    """In the world that the oracle leaves. Where what is said does not count, any text will do."""
    environment = kit.environment()
    for one in kit.played:
        solved = [
            environment.grade(
                one.task, one.world.fork(), said if environment.answer_required else None, [said]
            )
            for said in ("", _NONSENSE)
        ]
        demand(
            solved[0] or not solved[1],
            f"a long text of nonsense solves the test task {one.task.id}, which an empty one does not: "
            f"{one.task.instruction[:80]}",
        )


def _list_ids(environment: Environment) -> list[str]:
    return [task.id for split in environment.splits() for task in environment.test_tasks(split)]
