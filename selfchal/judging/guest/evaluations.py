"""Asks a verifier about many outcomes, and about each again with conditions of its own dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from selfchal.judging.guest.conditions import Conditions
from selfchal.judging.guest.runs import Runs
from selfchal.judging.guest.worlds import Worlds


def evaluations(
    given: dict[str, Any],
    reading: list[str],
    writing: list[str],
    most_calls: int,
    verifier: str,
    answers: list[str],
    count: int,
    names: dict[str, Any] | None = None,
    begin: Callable[[int], None] | None = None,
) -> list[list[bool | str | None]]:
    """For each answer (JSON; its world has the same index) the verdicts of the verifier as it is and with
    condition 1, 2, … dropped, ``count`` of them. None where the verdict cannot be a new True.

    The verifier finds ``names`` too; ``begin`` is called with each index.
    """
    worlds = Worlds(given, reading, writing)
    runs, conditions = Runs(given, worlds, most_calls), Conditions()
    runs.names.update({**conditions.names, **(names or {})})
    code = compile(verifier, "<task>", "exec")
    rows: list[list[bool | str | None]] = []
    settled: set[int] = set()  # conditions whose dropping was found to make a difference
    for index, answer in enumerate(answers):
        worlds.throw_away(index)
        conditions.start()
        if begin:
            begin(index)
        row: list[bool | str | None] = [runs.judge(code, answer), *[None] * (count - 1)]
        for number in [] if row[0] is True else conditions.list_unmet():
            if number in settled:
                continue
            if worlds.written:
                worlds.throw_away(index)
            conditions.start(dropped=number)
            row[number] = runs.judge(code, answer)
            if row[number] is True:
                settled.add(number)
        rows.append(row)
        worlds.read_ahead([*range(index + 1, len(answers))])
    return rows
