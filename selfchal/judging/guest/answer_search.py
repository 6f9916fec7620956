"""Searches for another answer that a verifier accepts, going by how far its comparisons are from being met.

A list of wrong answers meets a lax verifier by luck. A search is led to what it accepts: each comparison that
no answer has met so far is a goal, and the answer that came nearest to it is changed step by step until it is
met (the alternating variable method, as in search-based testing). Nothing is judged here: what is found is
tried on the verifier as it is, beside the other wrong answers.
"""

from __future__ import annotations

import json
from typing import Any

from selfchal.judging.guest.codes import load_code
from selfchal.judging.guest.comparisons import Comparisons
from selfchal.judging.guest.distances import FAR
from selfchal.judging.guest.moves import Dice, list_moves
from selfchal.judging.guest.overheard import overheard_in
from selfchal.judging.guest.runs import Runs
from selfchal.judging.guest.worlds import Worlds

_MOST_FOUND = 40  # answers that are told
_MOST_STRIDES = 4
_STARTS = 4  # how often a goal is gone for from one kind of answer
_FURTHEST = 2**40  # steps of a move
_PRICE_OF_CALL = 4  # a tool's answer takes so much longer than a run
_LONGEST = 4000  # characters of an answer that is tried


def answer_search(
    given: dict[str, Any],
    reading: list[str],
    writing: list[str],
    most_calls: int,
    verifier: Any,
    watched: Any,
    probes: list[str],
    seeds: list[str],
    right: str,
    near: list[float],
    budget: int,
    seed: int,
) -> list[list[Any]]:
    """What the verifier compared the ``probes`` with, and what it accepted of at most ``budget`` answers.

    There is one world. ``watched`` is the verifier with calls around its comparisons; both are as
    ``load_code`` takes them. ``probes``, ``seeds`` and ``right`` are answers in JSON; ``near`` is how far a
    number may be off, relatively and absolutely, and be right.
    """
    worlds = Worlds(given, reading, writing)
    runs = Runs(given, worlds, most_calls)
    heard = overheard_in(runs, worlds, verifier, probes)
    search = Search(runs, worlds, load_code(watched), json.loads(right), near, budget)
    search.go([json.loads(one) for one in seeds], heard, Dice(seed))
    return [heard, search.found]


class Search:
    def __init__(
        self, runs: Runs, worlds: Worlds, verifier: Any, right: Any, near: list[float], budget: int
    ) -> None:
        self.found: list[Any] = []
        self._runs, self._worlds, self._verifier = runs, worlds, verifier
        self._right, self._near, self._left = right, near, budget
        self._strides: list[int] = []
        self._comparisons = Comparisons()
        runs.names.update(self._comparisons.names)
        self._seen: set[str] = set()
        self._started: dict[Any, int] = {}  # by goal and kind
        self._stalled: set[Any] = set()  # a goal, and an answer that no small change brings nearer to it
        self._best: dict[Any, dict[str, tuple[float, Any]]] = {}  # by goal and kind of answer: the nearest
        self._operands: list[tuple[Any, Any, Any]] = []  # an answer, and the sides of a comparison made of it

    def go(self, seeds: list[Any], heard: list[Any], dice: Dice) -> None:
        """Start from ``seeds`` and from what was ``heard``; what numbers were divided by is a stride too."""
        self._strides = [one for one in heard if type(one) is int and 1 < abs(one) < FAR][:_MOST_STRIDES]
        for value in [*seeds, *heard]:
            self._try(value)
        self._substitute()
        while self._left > 0 and len(self.found) < _MOST_FOUND:
            goal, kind = self._choose_goal()
            if kind is None:
                return
            self._approach(goal, kind, dice)
            self._substitute()

    def _choose_goal(self) -> tuple[Any, str | None]:
        """One that is not reached, and the kind of answer to start from: where least was tried so far."""
        chosen: tuple[Any, str | None] = None, None
        fewest = _STARTS
        for goal, nearest in self._best.items():
            if min(nearest.values(), key=_get_distance)[0] <= 0:
                continue
            for kind, (distance, value) in nearest.items():
                starts = self._started.get((goal, kind), 0)
                if starts < fewest and distance < FAR and (goal, repr(value)) not in self._stalled:
                    fewest, chosen = starts, (goal, kind)
        return chosen

    def _approach(self, goal: Any, kind: str, dice: Dice) -> None:
        """Change the answer that is nearest to the goal until no small change brings it nearer."""
        self._started[goal, kind] = self._started.get((goal, kind), 0) + 1
        improved = True
        while improved and self._left > 0:
            distance, value = self._best[goal][kind]
            improved = distance > 0 and any(
                self._walk(goal, kind, move) for move in list_moves(dice, value, self._strides)
            )
        self._stalled.add((goal, repr(self._best[goal][kind][1])))

    def _walk(self, goal: Any, kind: str, move: Any) -> bool:
        """Make this change in steps that double as long as each comes nearer; did the first one?"""
        step = 1
        while step <= _FURTHEST and self._left > 0:
            before = self._best[goal][kind][0]
            self._try(move(step))
            if self._best[goal][kind][0] >= before:
                break
            step *= 2
        return step > 1

    def _substitute(self) -> None:
        """Put what a part of an answer was compared with in the place of that part."""
        operands, self._operands = self._operands, []
        for value, left, right in operands:
            for one, other in ((left, right), (right, left)):
                if isinstance(value, str) and isinstance(one, str) and isinstance(other, str):
                    self._try(other)
                    self._try(other[::-1])
                    self._try(value + other)
                    if one and one in value:
                        self._try(value.replace(one, other, 1))
                elif _is_plain_number(value) and _is_plain_number(one) and _is_plain_number(other):
                    self._try(value + other - one)
                    self._try(other)

    def _try(self, value: Any) -> None:
        """Ask the verifier about this answer, unless it was asked already or it is the right one."""
        key = repr(value)
        if (
            self._left <= 0
            or key in self._seen
            or len(key) > _LONGEST
            or _is_right(value, self._right, self._near)
        ):
            return
        self._seen.add(key)
        if self._worlds.written:
            self._worlds.throw_away(0)
        self._comparisons.start()
        text = json.dumps(value)
        verdict = self._runs.judge(self._verifier, text)
        self._left -= 1 + _PRICE_OF_CALL * self._worlds.asked
        self._worlds.asked = 0
        if verdict is True:
            self.found.append(value)
        self._remember(value)

    def _remember(self, value: Any) -> None:
        distances: dict[Any, float] = dict(self._comparisons.distances)
        if distances:
            distances["all"] = sum(d / (d + 1) for goal, d in distances.items() if goal[2] is True)
        better, kind = False, _get_kind(value)
        for goal, distance in distances.items():
            nearest = self._best.setdefault(goal, {})
            before = nearest[kind][0] if kind in nearest else FAR + 1
            if distance <= before:  # where many are as near, the search goes on from the newest
                nearest[kind] = distance, value
                better = better or distance < before
        if better and len(self._operands) < 30:
            self._operands += [(value, left, right) for left, right in self._comparisons.operands]


def _get_distance(one: tuple[float, Any]) -> float:
    return one[0]


def _get_kind(value: Any) -> str:
    """Of one kind are answers of one type; numbers below zero are another, for they are written otherwise."""
    return f"-{type(value).__name__}" if _is_plain_number(value) and value < 0 else type(value).__name__


def _is_plain_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < FAR


def _is_right(value: Any, right: Any, near: list[float]) -> bool:
    """Is this the right answer, or so near that it is no find? The host looks closer at what is found."""
    if _is_plain_number(value) and _is_plain_number(right):
        if isinstance(right, int) and abs(value - right) < 1:  # a verifier may round, or cut off the rest
            return True
        return bool(abs(value - right) <= max(near[0] * abs(right), near[1]))
    if isinstance(value, str) and isinstance(right, str):
        return sorted(value.casefold().split()) == sorted(right.casefold().split())
    return repr(value) == repr(right)
