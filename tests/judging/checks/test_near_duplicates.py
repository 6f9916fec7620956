"""Near-duplicates by their words and by their solutions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfchal.core.sandbox import MAX_SOURCE
from selfchal.judging.checks.near_duplicates import SeenTasks, normalised
from tests.support.shop import CANCEL


def test_other_spelling_is_a_twin_and_other_numbers_are_not() -> None:
    seen = SeenTasks()
    first = replace(CANCEL, id="a", instruction="Send 12 red lamps to Oslo before the end of May, please.")
    spelt = replace(first, id="b", instruction="send 12 red lamps, to Oslo, before the end of May please")
    other = replace(first, id="c", instruction="Send 13 red lamps to Rome before the end of June, please.",
                    solution="pass")  # fmt: skip
    assert [seen.find_twin(task) for task in (first, spelt, other)] == [None, "a", None]


@pytest.mark.parametrize(
    "source",
    ["-" * 900 + "1", "-" * 9_000 + "1", "1" + "+1" * 5_000, "x = (", "\x00", " x" * MAX_SOURCE, "\udcff"],
    ids=["deep", "deeper", "wide", "open", "null", "long", "surrogate"],
)
def test_code_that_cannot_be_taken_apart_is_only_like_itself(source: str) -> None:
    assert normalised(f"{source}\n") == normalised(source)
    assert normalised(source) != normalised("1")


def test_renamed_variables_are_the_same_solution() -> None:
    assert normalised("x = f(1)  # one\nresult = x") == normalised("order = f(1)\nresult = order")
    assert normalised("x = f(1)") != normalised("x = f(2)")


@pytest.mark.parametrize(("near", "twin"), [(0.85, None), (0.6, "a"), (0.3, "a")])
def test_how_near_is_near_can_be_said(near: float, twin: str | None) -> None:
    words = [f"word{i}" for i in range(100)]
    seen = SeenTasks(near)
    for task_id, changed in (("a", {}), ("b", {25: "other", 50: "other", 75: "other", 90: "other"})):
        text = " ".join(changed.get(i, word) for i, word in enumerate(words))
        found = seen.find_twin(
            replace(CANCEL, id=task_id, instruction=text, solution=f"result = {task_id!r}")
        )
    assert found == twin, "86 of 98 triples are those of the first: 78 % of all"
