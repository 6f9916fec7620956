"""The synthesizers' kit passes the built-in ones, and each of its cases fails for one that breaks its rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from selfchal.builtin_synthesizers.code_as_task import CodeAsTask
from selfchal.builtin_synthesizers.pae import InstructionScene, Pae
from selfchal.builtin_synthesizers.prompting import write_example
from selfchal.core.model import Message
from selfchal.core.synthesizer import ProposalContext, ProposalRequest
from selfchal.testing.conformance import Case, synthesizer_cases

ANSWER = write_example("calculation", None)
CASES = [*synthesizer_cases(CodeAsTask, answers=(ANSWER,)), *synthesizer_cases(Pae, answers=(ANSWER,))]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_built_in_synthesizers_pass(case: Case) -> None:
    case()


class _Endless(InstructionScene):
    def step(self, text: str) -> Message | None:
        return Message("user", "Go on.")


class _Misnumbered(InstructionScene):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.proposal = replace(self.proposal, index=0)


class _Peeking(InstructionScene):
    def start(self) -> Sequence[Message]:
        environment = self.proposal_context.arena.environment
        (task, *_) = environment.test_tasks(environment.splits()[0])
        return [*super().start(), Message("user", f"Such as: {task.instruction}")]


class _Forgetful(InstructionScene):
    told = 0

    def start(self) -> Sequence[Message]:
        _Forgetful.told += 1
        return [*super().start(), Message("user", f"Proposal {_Forgetful.told}")]


class _Deaf(InstructionScene):
    def step(self, text: str) -> Message | None:
        return None


class _Nameless(InstructionScene):
    @property
    def environment(self) -> str:
        return "elsewhere"


BROKEN: list[tuple[str, type[InstructionScene], str]] = [
    ("names its scenes and their environment", _Nameless, "it plays in 'elsewhere', not 'calculation'"),
    ("ends after finitely many turns, whatever the model says", _Endless, "after 100 turns"),
    ("has a proposal of its request, which JSON holds, however it ended", _Misnumbered, "is number (2, 0)"),
    ("proposes the same for the same request and the same words", _Forgetful, "were told two ways"),
    ("never looks at held-out tasks", _Peeking, "it asked the environment for held-out tasks"),
    ("finds the task that the model proposes", _Deaf, "no task was found"),
]


def _make_scene(
    scene: Callable[[ProposalRequest, ProposalContext], InstructionScene],
) -> Callable[[Any, ProposalRequest, ProposalContext], InstructionScene]:
    return lambda self, request, context: scene(request, context)


@pytest.mark.parametrize(("rule", "scene", "sentence"), BROKEN)
def test_each_broken_rule_is_found(rule: str, scene: type[InstructionScene], sentence: str) -> None:
    broken = type("Broken", (Pae,), {"scene": _make_scene(scene)})
    (case,) = [case for case in synthesizer_cases(broken, answers=(ANSWER,)) if case.rule == rule]
    with pytest.raises(AssertionError, match=re.escape(sentence)):
        case()
