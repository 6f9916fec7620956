"""The comparisons of a verifier, and how far each of them was from turning out the other way.

``selfchal.judging.source.watch_comparisons`` wrote calls of ``names`` into the source, each with the number
of the comparison that it stands for.
"""

from __future__ import annotations

from typing import Any

from selfchal.judging.guest.distances import measure_distance, measure_gap, measure_truth

_MOST_OPERANDS = 12  # of one run
_MOST_MEMBERS = 8  # of what something may be in
_MOST_TIMES = 12  # that a comparison is told apart by; those that come after are taken together
_LEAST = 1e-9  # of a comparison that was not met


class Comparisons:
    """``distances`` are those of the present run, by goal: a comparison, which time it was made, and how it
    is to turn out. ``operands`` are the two sides of those comparisons that were not met."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"_compared": self._compare, "_asked": self._ask, "_tested": self._test}
        self.distances: dict[Any, float] = {}
        self.operands: list[tuple[Any, Any]] = []
        self._times: dict[int, int] = {}

    def start(self) -> None:
        self.distances = {}
        self.operands = []
        self._times = {}

    def _compare(self, number: int, operators: list[str], *sides: Any) -> Any:
        """Called in the place of a comparison, which may be a chain of them."""
        outcome: Any = True
        apart = 0.0
        for operator, left, right in zip(operators, sides, sides[1:]):  # noqa: B905 — one shorter
            met = _decide(operator, left, right)
            if not met:
                apart += self._measure(number, operator, left, right)
            outcome = outcome and met
        self._keep(number, apart, 0.0 if apart else 1.0)
        return outcome

    def _ask(self, number: int, name: str, value: Any, *given: Any) -> Any:
        """Called in the place of a method that says whether a text is like something."""
        outcome = getattr(value, name)(*given)
        to_true, to_false = measure_truth(outcome)
        if not outcome and isinstance(value, str) and given and isinstance(given[0], str):
            length = len(given[0])
            left = value[:length] if name == "startswith" else value[-length:] if length else ""
            to_true = self._measure(number, "==", left, given[0])
        elif not outcome and isinstance(value, dict) and given:
            to_true = self._measure(number, "in", given[0], value)
        self._keep(number, to_true, to_false)
        return outcome

    def _test(self, number: int, value: Any) -> Any:
        """Called with what is taken for a condition."""
        self._keep(number, *measure_truth(value))
        return value

    def _measure(self, number: int, operator: str, left: Any, right: Any) -> float:
        """Of a comparison that was not met. Each member of what something may be in is a goal too."""
        members = (
            list(right)[:_MOST_MEMBERS] if isinstance(right, list | tuple | set | frozenset | dict) else []
        )
        pairs = [(left, member) for member in members] if operator == "in" and members else [(left, right)]
        if operator in ("==", "in", "<", "<=", ">", ">="):
            self.operands += pairs[: _MOST_OPERANDS - len(self.operands)]
        if operator == "in" and members:
            for index, pair in enumerate(pairs):
                self._set((number, index, "in"), measure_gap(*pair))
        return max(measure_distance(operator, left, right), _LEAST)

    def _keep(self, number: int, to_true: float, to_false: float) -> None:
        """One more time that this comparison was made."""
        times = self._times[number] = min(self._times.get(number, 0) + 1, _MOST_TIMES)
        self._set((number, times, True), to_true)
        self._set((number, times, False), to_false)

    def _set(self, goal: Any, distance: float) -> None:
        if distance < self.distances.get(goal, distance + 1):
            self.distances[goal] = distance


def _decide(operator: str, left: Any, right: Any) -> Any:
    if operator == "==":
        return left == right
    if operator == "!=":
        return left != right
    if operator == "in":
        return left in right
    if operator == "not in":
        return left not in right
    if operator == "is":
        return left is right
    if operator == "is not":
        return left is not right
    if operator == "<":
        return left < right
    if operator == "<=":
        return left <= right
    return left > right if operator == ">" else left >= right
