"""A part of the held-out tasks is a fair part, and always the same one."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from selfchal.builtin_envs.calculation.environment import Calculation
from selfchal.core.task import TestTask
from selfchal.pipeline.drawing import draw_tasks

sizes = st.lists(st.integers(1, 40), min_size=1, max_size=5)


def make_tasks(sizes: list[int]) -> list[TestTask]:
    return [
        TestTask(f"{family}-{i}", "x", {}, {}, f"family {family}")
        for family, size in enumerate(sizes)
        for i in range(size)
    ]


@given(sizes, st.integers(1, 200))
def test_families_keep_their_shares_and_tasks_their_order(sizes: list[int], count: int) -> None:
    tasks = make_tasks(sizes)
    drawn = draw_tasks(tasks, count)
    assert len(drawn) == min(count, len(tasks))
    assert drawn == [task for task in tasks if task in drawn]
    counts = Counter(task.family for task in drawn)
    for family, size in enumerate(sizes):
        assert abs(counts[f"family {family}"] - size * len(drawn) / len(tasks)) <= 1.5


@given(sizes, st.integers(1, 50), st.integers(1, 50))
def test_a_larger_draw_holds_the_smaller_one(sizes: list[int], one: int, other: int) -> None:
    tasks = make_tasks(sizes)
    small, large = (draw_tasks(tasks, count) for count in sorted((one, other)))
    assert all(task in large for task in small)
    assert draw_tasks(tasks, one) == draw_tasks(tasks, one)


def test_a_few_of_an_environments_tasks_are_of_every_family() -> None:
    tasks = Calculation(Calculation.Config()).test_tasks("test")
    drawn = draw_tasks(tasks, 60)
    assert {task.family for task in drawn} == {task.family for task in tasks}
