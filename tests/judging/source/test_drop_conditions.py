"""Conditions that can be dropped: which they are, and that dropping one takes it as met and nothing else."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from selfchal.judging.source.drop_conditions import weakened


def verdict(source: str, answer: Any, drop: int = 0) -> bool:
    """Of the weakened source with one condition dropped."""
    space: dict[str, Any] = {
        "_dropped": lambda number: number == drop,
        "_met": lambda number, value: value,
        "_refused": lambda number, value: value,
    }
    exec(weakened(source)[1], space)
    result = space["evaluate"](answer)
    assert isinstance(result, bool)
    return result


ASSERTS = """\
def evaluate(answer):
    try:
        assert answer["city"] == "Tromsø", answer["city"]
        assert isinstance(answer["rows"], list)
    except (AssertionError, KeyError):
        return False
    return (answer["rows"]
            == [1, 2]) and not any(row == 3 for row in answer["rows"])
"""
IFS = "def evaluate(answer):\r\n    if 'ø' in answer and answer != 'ø':\r\n        return False\r\n    return True\r\n"


@pytest.mark.parametrize(
    ("source", "conditions"),
    [
        (
            ASSERTS,
            [
                'answer["city"] == "Tromsø"',
                'isinstance(answer["rows"], list)',
                'answer["rows"] == [1, 2]',
                "row == 3",
            ],
        ),
        (IFS, ["'ø' in answer and answer != 'ø'"]),
        ("def evaluate(a):\n    return f'{a == 1}' == 'True'\n", ["f'{a == 1}' == 'True'"]),
    ],
)
def test_conditions_are_found_and_the_rest_stays(source: str, conditions: list[str]) -> None:
    found, text = weakened(source)
    assert found == conditions
    ast.parse(text)


def test_only_the_dropped_condition_is_taken_as_met() -> None:
    good = {"city": "Tromsø", "rows": [1, 2]}
    for drop, changed in enumerate(
        [{"city": "Oslo"}, {"rows": (1, 2)}, {"rows": [1]}, {"rows": [1, 2, 3]}], 1
    ):
        bad = {**good, **changed}
        assert verdict(ASSERTS, good) is True
        assert verdict(ASSERTS, bad) is False
        accepted = [number for number in range(1, 5) if verdict(ASSERTS, bad, number)]
        assert accepted == ([drop] if drop in (1, 3) else [])  # the others break two conditions


def test_a_refusal_is_dropped_with_its_statement() -> None:
    assert verdict(IFS, "øl") is False
    assert verdict(IFS, "øl", drop=1) is True


def test_there_is_a_most() -> None:
    source = f"def evaluate(a):\n    return {' and '.join(f'a != {i}' for i in range(100))}\n"
    found, text = weakened(source)
    assert len(found) == 24
    assert text.count("_dropped") == 24
