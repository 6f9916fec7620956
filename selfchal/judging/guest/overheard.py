"""Asks a verifier about answers that listen, and tells what they were compared with."""

from __future__ import annotations

from typing import Any

from selfchal.judging.guest.codes import load_code
from selfchal.judging.guest.listening import Heard, make_listening
from selfchal.judging.guest.runs import Runs
from selfchal.judging.guest.worlds import Worlds


def overheard(
    given: dict[str, Any],
    reading: list[str],
    writing: list[str],
    most_calls: int,
    verifier: Any,
    answers: list[str],
) -> list[Any]:
    """Texts and numbers that the verifier compared these answers (JSON) with. There is one world.
    The verifier is as ``load_code`` takes it."""
    worlds = Worlds(given, reading, writing)
    return overheard_in(Runs(given, worlds, most_calls), worlds, verifier, answers)


def overheard_in(runs: Runs, worlds: Worlds, verifier: Any, answers: list[str]) -> list[Any]:
    """The same with runs of the caller's."""
    code = load_code(verifier)
    for answer in answers:
        worlds.throw_away(0)
        runs.judge(code, answer, make_listening)
    return [value for value in Heard.values if value == value and value not in (float("inf"), float("-inf"))]
