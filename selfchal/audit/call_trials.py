"""The checks of a task whose solution is a list of tool calls: it is played, and so are wrong attempts.

Whoever can play such a task gives a ``CallTrial``. Every attempt begins in a fresh world.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from random import Random
from typing import Protocol

from selfchal.audit.findings import CheckName, Finding, Grade, skip_checks
from selfchal.audit.other_values import OtherValues, draw_word
from selfchal.core.errors import SandboxError
from selfchal.core.world import ToolSpec
from selfchal.serving.session import Observation, ToolCall

PLAYED = (
    CheckName.ORACLE,
    CheckName.REPEATED_ORACLE,
    CheckName.DETERMINISM,
    CheckName.NO_OP,
    CheckName.ALTERED_SOLUTION,
    CheckName.ANSWERS,
)
MOST_CALLS = 1_000  # of a solution that is played
_MOST_CHARACTERS = 1_000_000  # of all its arguments
_MOST_ALTERED = 60  # altered arguments, and calls left out, that are tried of a task
_SHOWN = 120  # characters of an observation or an argument that a reason repeats


@dataclass(frozen=True)
class Played:
    """How an attempt ended: did it pass, the digest of the world, and what was seen of each call."""

    passed: bool
    digest: str
    observations: tuple[Observation, ...]


class CallTrial(Protocol):
    """A task that can be played. ``calls`` and ``answer`` are its solution; None where no answer counts."""

    @property
    def calls(self) -> Sequence[ToolCall]: ...

    @property
    def answer(self) -> str | None: ...

    def play(self, calls: Sequence[ToolCall], answer: str | None) -> Played:
        """Make the calls in a fresh world and give the answer. Raises SandboxError where it failed."""


@dataclass(frozen=True)
class TrialChecks:
    """The checks of one task. ``number`` is the task's, ``tools`` are those of its environment by name."""

    number: int
    trial: CallTrial
    tools: Mapping[str, ToolSpec]
    random: Random

    def find(self) -> Iterator[Finding]:
        """All findings. Where the sandbox fails, all that a play would show is not checked."""
        try:
            yield from list(self._find_all())
        except SandboxError as error:
            yield from skip_checks(self.number, PLAYED, f"The sandbox failed: {error}")

    def find_unchecked_arguments(self) -> Iterator[Finding]:
        """Arguments that may be others, where the solution passes; nothing where the sandbox fails."""
        try:
            solved = self.trial.play(self.trial.calls, self.trial.answer)
            yield from list(self._check_arguments(solved)) if solved.passed else ()
        except SandboxError:
            return

    def _find_all(self) -> Iterator[Finding]:
        trial = self.trial
        solved = trial.play(trial.calls, trial.answer)
        yield from self._check_oracle(solved)
        yield from self._check_repeated(solved)
        nothing = trial.play((), None if trial.answer is None else "")
        if nothing.passed:
            yield self._finding(CheckName.NO_OP, "Doing nothing passes.")
        if not solved.passed or nothing.passed:
            why = "The solution does not pass." if not solved.passed else "Doing nothing passes already."
            yield from skip_checks(self.number, (CheckName.ALTERED_SOLUTION, CheckName.ANSWERS), why)
            return
        yield from self._check_left_out(solved)
        yield from self._check_arguments(solved)
        yield from self._check_answers()

    def _finding(self, check: CheckName, reason: str, grade: Grade = Grade.CERTAIN) -> Finding:
        return Finding(self.number, check, grade, reason)

    def _check_oracle(self, solved: Played) -> Iterator[Finding]:
        if not solved.passed:
            yield self._finding(CheckName.ORACLE, "The task's own solution does not pass.")
        for index, (call, seen) in enumerate(zip(self.trial.calls, solved.observations, strict=True), 1):
            if call.name not in self.tools:
                reason = (
                    f"Call {index} of the solution is of {_shorten(call.name)}, and there is no such tool."
                )
                yield self._finding(CheckName.ORACLE, reason)
            elif self._writes(call) and not seen.ok:
                reason = f"Call {index} of the solution, {call.name}, is refused: {_shorten(seen.text)}"
                yield self._finding(CheckName.ORACLE, reason, Grade.DOUBTFUL)

    def _check_repeated(self, solved: Played) -> Iterator[Finding]:
        again = self.trial.play(self.trial.calls, self.trial.answer)
        if again.passed != solved.passed:
            yield self._finding(
                CheckName.REPEATED_ORACLE, "Of two plays of the solution one passes and one does not."
            )
        if again.digest != solved.digest:
            yield self._finding(
                CheckName.DETERMINISM, "Two plays of the solution leave the world in different states."
            )
        elif again.observations != solved.observations:
            yield self._finding(CheckName.DETERMINISM, "Two plays of the solution are answered differently.")

    def _check_left_out(self, solved: Played) -> Iterator[Finding]:
        """A part of the work is left out, and the world shows it."""
        calls = list(self.trial.calls)
        changing = [index for index, call in enumerate(calls) if self._writes(call)]
        changing_first = changing[:_MOST_ALTERED]
        attempts = [(f"call {i + 1}, {calls[i].name}, left out", [i]) for i in changing_first]
        attempts += [("every changing call left out", changing)] if len(changing) > 1 else []
        for what, left_out in attempts:
            rest = [call for index, call in enumerate(calls) if index not in left_out]
            ended = self.trial.play(rest, self.trial.answer)
            if ended.passed and ended.digest != solved.digest:
                yield self._finding(CheckName.ALTERED_SOLUTION, f"The solution passes with {what}.")

    def _check_arguments(self, solved: Played) -> Iterator[Finding]:
        """An argument is another one, and the world shows it. Some checks mean to allow that."""
        calls = list(self.trial.calls)
        seen = [observed.value for observed in solved.observations]
        others = OtherValues([*seen, *(dict(call.arguments) for call in calls)], self.random)
        altered = (
            (index, name, other)
            for index, call in enumerate(calls)
            if self._writes(call)
            for name, other in others.alter(self.tools[call.name], call.arguments)
        )
        for index, name, other in islice(altered, _MOST_ALTERED):
            call = replace(calls[index], arguments={**calls[index].arguments, name: other})
            ended = self.trial.play([*calls[:index], call, *calls[index + 1 :]], self.trial.answer)
            if ended.passed and ended.digest != solved.digest:
                reason = f"The solution passes with {name} = {_shorten(repr(other))} in {call.name}."
                yield self._finding(CheckName.ALTERED_SOLUTION, reason, Grade.DOUBTFUL)

    def _check_answers(self) -> Iterator[Finding]:
        right = self.trial.answer
        if right is None:
            return
        for wrong in ("", "unknown", "0", "I do not know.", draw_word(self.random)):
            if wrong.casefold() == right.casefold():
                continue
            if self.trial.play(self.trial.calls, wrong).passed:
                yield self._finding(CheckName.ANSWERS, f"The answer {wrong!r} passes.")

    def _writes(self, call: ToolCall) -> bool:
        return call.name in self.tools and self.tools[call.name].writes


def explain_too_long(calls: Sequence[ToolCall]) -> str:
    """Why a solution is too long to be played; empty where it is not."""
    if len(calls) > MOST_CALLS:
        return f"The solution makes {len(calls):,} calls; {MOST_CALLS:,} are the most that are played."
    size = sum(len(repr(call.arguments)) for call in calls)
    if size > _MOST_CHARACTERS:
        return f"The solution's arguments have {size:,} characters; {_MOST_CHARACTERS:,} are the most."
    return ""


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
