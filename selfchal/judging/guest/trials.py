"""Runs a task's own pieces of code one after the other, and then its verifier on what each left behind."""

from __future__ import annotations

import json
from typing import Any

from selfchal.judging.guest.codes import load_code
from selfchal.judging.guest.runs import Runs
from selfchal.judging.guest.worlds import Worlds


class Trials:
    """Each code of each leg takes the next of the worlds; nothing is done to the ``fresh`` one."""

    def __init__(self, runs: Runs, worlds: Worlds, fresh: int) -> None:
        self._runs = runs
        self._worlds = worlds
        self._fresh = fresh
        self._used = 0
        self._loaded: dict[str, Any] = {}

    def run_leg(
        self, codes: list[Any], verifier: Any
    ) -> tuple[list[bool | str], list[Any]] | tuple[None, None]:
        """The verdicts after each of the codes and after doing nothing, and the answers of the codes.

        All codes run first, each on the next world, then the verifier on throw-away copies of those worlds.
        Both are None where one of the codes did not run to its end.
        """
        indices = range(self._used, self._used + len(codes))
        self._used += len(codes)
        sources = [self._load(code) for code in codes]
        evaluate = self._load(verifier)
        answers: list[str] = []
        try:
            for index, source in zip(indices, sources, strict=True):
                self._worlds.keep(index)
                result = self._runs.run(source).get("result")
                answers.append(json.dumps(result))
                if self._runs.ran_out or not _has_text_keys(result):
                    return None, None
        except Exception:  # noqa: BLE001 — whatever task code raises is data
            return None, None
        verdicts: list[bool | str] = []
        left = [*indices, self._fresh]
        for answer in [*answers, "null"]:
            self._worlds.throw_away(left.pop(0))
            verdicts.append(self._runs.judge(evaluate, answer))
            self._worlds.read_ahead(left)
        return verdicts, [json.loads(answer) for answer in answers]

    def _load(self, told: Any) -> Any:
        source = told if isinstance(told, str) else told[0]
        if source not in self._loaded:
            self._loaded[source] = load_code(told)
        return self._loaded[source]


def _has_text_keys(value: Any) -> bool:
    """JSON has no others. ``json.dumps`` makes texts of numbers, which a process of its own refuses."""
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(_has_text_keys, value.values()))
    return not isinstance(value, list | tuple) or all(map(_has_text_keys, value))


def trials(
    given: dict[str, Any],
    reading: list[str],
    writing: list[str],
    most_calls: int,
    legs: list[tuple[list[Any], Any]],
    fresh: int,
) -> list[Any]:
    """What each leg (codes, verifier) shows, each code as ``load_code`` takes it. ``fresh`` is the index of
    the last world."""
    worlds = Worlds(given, reading, writing)
    leg_by_leg = Trials(Runs(given, worlds, most_calls), worlds, fresh)
    return [leg_by_leg.run_leg(codes, verifier) for codes, verifier in legs]
