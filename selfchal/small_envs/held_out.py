"""Held-out tasks of a small environment: the calls that solve them, and the answer where one is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfchal.core.errors import EnvironmentDataError
from selfchal.core.task import TestTask, task_id
from selfchal.core.world import Json, World
from selfchal.small_envs.matching import MATCH_KINDS, Match
from selfchal.small_envs.world import find_odd
from selfchal.tools.solving_calls import try_calls, write_turns

Calls = Sequence[tuple[str, Mapping[str, Json]]]


@dataclass(frozen=True)
class HeldOut:
    """A held-out test task: the tool calls that solve it, and the answer where one is asked for.

    Of what changes, the final state must equal the state that the calls leave. ``match`` says how the answer
    is compared: ``number``, ``list``, ``date``, ``text``, or a function of the answer and what is expected;
    without it, as the type of ``answer`` asks.
    """

    instruction: str
    calls: Calls = ()
    answer: Json = None
    family: str = ""
    match: Match | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.instruction, str):
            raise EnvironmentDataError(f"HeldOut: the instruction is a text, not {self.instruction!r:.60}")
        if not (isinstance(self.calls, list | tuple) and all(map(_is_call, self.calls))):
            raise EnvironmentDataError(
                f"HeldOut {self.instruction[:60]!r}: calls is a list of pairs of a tool's name and its "
                f"arguments, as in [('order', {{'drink': 'tea'}})], not {self.calls!r:.60}"
            )

    @property
    def asks(self) -> bool:
        """Is an answer asked for?"""
        return self.answer is not None or self.match is not None


def make_test_task(environment: str, world: World, held_out: HeldOut) -> TestTask:
    """The task, its calls tried on this fresh world, so that one which they do not solve is found at once.

    Raises EnvironmentDataError.
    """
    where = f"{environment}: the held-out task {held_out.instruction[:60]!r}"
    _check_answer(where, held_out)
    try_calls(world, held_out.calls, where)
    truth = {
        "calls": [(name, dict(kwargs)) for name, kwargs in held_out.calls],
        "answer": held_out.answer,
        "digest": world.digest(),
    }
    id_ = task_id({}, held_out.instruction, json.dumps(truth["calls"]), str(held_out.answer))
    return TestTask(id_, held_out.instruction, {}, truth, held_out.family)


def _is_call(call: Any) -> bool:
    """Is it a tool's name and its arguments by name?"""
    match call:
        case (str(), Mapping()):
            return True
    return False


def _check_answer(where: str, held_out: HeldOut) -> None:
    if odd := find_odd(held_out.answer, "answer"):
        raise EnvironmentDataError(f"{where} has {odd}")
    if held_out.match is not None and not callable(held_out.match) and held_out.match not in MATCH_KINDS:
        raise EnvironmentDataError(
            f"{where}: match={held_out.match!r} is none of {', '.join(MATCH_KINDS)}, nor a function of the "
            "answer and what is expected"
        )


def write_oracle(task: TestTask) -> Sequence[str]:
    """The agent turns that solve the task: its calls as code, then its answer."""
    calls = [
        f"{name}({', '.join(f'{key}={value!r}' for key, value in kwargs.items())})"
        for name, kwargs in task.truth["calls"]
    ]
    return write_turns(calls, _write_answer(task.truth["answer"]))


def _write_answer(answer: Json) -> str:
    if answer is None:
        return "done"
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
