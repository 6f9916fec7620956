"""Held-out tasks of calculation: always the same, all solvable, no answer for the taking, no word in common with dev."""

from __future__ import annotations

from collections import Counter

import pytest

from selfchal.builtin_envs.calculation import chains, heldout
from selfchal.builtin_envs.calculation.environment import Calculation, CalculationConfig
from selfchal.builtin_envs.calculation.wording import DEV, TEST
from selfchal.core.task import TestTask
from selfchal.rollout.actions import Act, Say, parse_turn

SPLITS = ("test", "dev")


@pytest.mark.parametrize(("split", "count"), [("test", 240), ("dev", 120)])
def test_mostly_several_steps_over_all_families(split: str, count: int) -> None:
    families = Counter(task.family for task in heldout.test_tasks(split))
    assert sum(families.values()) == count
    assert {family.split("/")[0] for family in families} == set(chains.FAMILIES)
    several = sum(number for family, number in families.items() if not family.endswith("1 step"))
    assert several >= 0.75 * count


def test_instructions_are_unique_and_the_splits_share_none() -> None:
    instructions = [task.instruction for split in SPLITS for task in heldout.test_tasks(split)]
    assert len(set(instructions)) == len(instructions)


def test_always_the_same() -> None:
    first = heldout.test_tasks("test")
    heldout.test_tasks.cache_clear()
    assert heldout.test_tasks("test") == first


def run_turns(task: TestTask) -> str:
    """The oracle's answer, each call run on the environment's own world (or Python's min and max)."""
    world = Calculation(CalculationConfig()).open({})
    tools = {name: (lambda *args, name=name: _value(world.call(name, args, {}))) for name in world.tool_names}
    for turn in task.truth["turns"]:
        said = parse_turn(turn)
        if isinstance(said, Act):
            seen: list[object] = []
            exec(said.code, {"print": seen.append, "min": min, "max": max, **tools})
            assert len(seen) == 1
        else:
            assert isinstance(said, Say)
            assert said.text == str(seen[0])
    return said.text


def _value(result: object) -> object:
    assert result.ok, result  # type: ignore[attr-defined]
    return result.value  # type: ignore[attr-defined]


@pytest.mark.parametrize("split", SPLITS)
def test_oracle_solves_all_and_nothing_else_given_does(split: str) -> None:
    environment = Calculation(CalculationConfig())
    world = environment.open({})
    for task in environment.test_tasks(split):
        answer = run_turns(task)
        assert environment.grade(task, world, answer, ()), task
        assert not environment.grade(task, world, None, ())
        assert not environment.grade(task, world, "", ())


@pytest.mark.parametrize("split", SPLITS)
def test_no_value_on_the_way_is_the_answer(split: str) -> None:
    for task in heldout.test_tasks(split):
        calls = task.truth["turns"][:-1]
        answer = str(task.truth["answer"])
        assert not any(f"({answer}," in call or f"'{answer}'" in call for call in calls), task


def test_about_a_third_of_the_pairs_are_held_out() -> None:
    pairs = [(first.name, second.name) for first in chains.KINDS for second in chains.KINDS]
    assert 0.2 < sum(map(chains.held_out, pairs)) / len(pairs) < 0.5


def test_dev_and_test_share_no_phrase_and_no_connector() -> None:
    for kind in chains.BY_NAME:
        assert not set(TEST.phrases[kind]) & set(DEV.phrases[kind])
    assert not {f for fs in TEST.frames.values() for f in fs} & {f for fs in DEV.frames.values() for f in fs}
