"""Asks a verifier about many outcomes, and about each again with conditions of its own dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from selfchal.judging.guest.codes import load_code
from selfchal.judging.guest.conditions import Conditions
from selfchal.judging.guest.runs import RAN_OUT, Runs
from selfchal.judging.guest.worlds import Worlds


def evaluations(
    given: dict[str, Any],
    reading: list[str],
    writing: list[str],
    most_calls: int,
    verifier: Any,
    answers: list[str],
    count: int,
    pure: bool = False,
    names: dict[str, Any] | None = None,
    begin: Callable[[int], None] | None = None,
) -> list[list[bool | str | None]]:
    """For each answer (JSON; its world has the same index) the verdicts of the verifier as it is and with
    condition 1, 2, … dropped, ``count`` of them. None where the verdict cannot be a new True. The verifier is
    as ``load_code`` takes it.

    What a ``pure`` verifier says follows from the answer and from what its tools say. So it does not run
    again where both are as they were before. The verifier finds ``names`` too, and ``begin`` is called with
    each index.
    """
    worlds = Worlds(given, reading, writing)
    runs, conditions = Runs(given, worlds, most_calls), Conditions()
    runs.names.update({**conditions.names, **(names or {})})
    code = load_code(verifier)
    rows: list[list[bool | str | None]] = []
    settled: set[int] = set()  # conditions whose dropping was found to make a difference
    known: list[tuple[str, dict[Any, bytes], bool | str]] = []  # an answer, what was read, the verdict
    for index, answer in enumerate(answers):
        worlds.throw_away(index)
        alike = [one for one in known if one[0] == answer and worlds.is_known_to_answer(one[1])]
        if alike:
            rows.append([alike[0][2], *[None] * (count - 1)])
            continue
        conditions.start()
        if begin:
            begin(index)
        verdict = runs.judge(code, answer)
        is_known = pure and verdict != RAN_OUT and worlds.seen is not None
        row: list[bool | str | None] = [verdict, *[None] * (count - 1)]
        for number in [] if verdict is True else conditions.list_unmet():
            if number in settled:
                continue
            if worlds.written:
                worlds.throw_away(index)
            conditions.start(dropped=number)
            row[number] = runs.judge(code, answer)
            is_known = is_known and worlds.seen is not None
            if row[number] is True:
                settled.add(number)
        rows.append(row)
        if is_known and worlds.seen is not None:
            known.append((answer, worlds.seen, verdict))
        worlds.read_ahead([*range(index + 1, len(answers))])
    return rows
