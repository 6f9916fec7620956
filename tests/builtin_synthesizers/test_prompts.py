"""The prompts that a challenger gets: filled, short, and with exemplars that our own judge lets pass."""

from __future__ import annotations

import pytest

from selfchal.builtin_synthesizers.answer import Draft, parse_answer
from selfchal.builtin_synthesizers.challenge_scene import ChallengeScene
from selfchal.builtin_synthesizers.code_as_task import CodeAsTask
from selfchal.builtin_synthesizers.config import CodeAsTaskConfig
from selfchal.builtin_synthesizers.prompting import example
from selfchal.core.arena import Arena
from selfchal.core.environment import Environment
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.synthesizer import ProposalContext, ProposalRequest
from selfchal.core.task import Task
from selfchal.judging import Judge
from selfchal.judging.checks.near_duplicates import NEAR, HeldOutTexts
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.plugins.registry import load_plugins

CONTEXTS = {
    "calculation": {},
    "web_browsing": {"page": "/"},
    "retail": {"user_id": "bruno_meyer_9458"},
    "airline": {"user_id": "dario_vogel_5490"},
}
MOST_WORDS = 1_500  # some 2,500 tokens: room for ten exploring turns in the context of an 8B model


def environment_of(name: str) -> Environment:
    kind = load_plugins().find("environment", name)
    environment: Environment = kind(kind.Config())
    return environment


def exemplar(name: str) -> Task:
    draft = parse_answer(example(name, True))
    assert isinstance(draft, Draft)
    assert draft.forgiven == ()
    return Task(name, name, CONTEXTS[name], draft.instruction, draft.evaluate, draft.solution, draft.failures)


@pytest.mark.parametrize("name", CONTEXTS)
def test_the_exemplar_passes_the_judge(process_sandbox: Sandbox, name: str) -> None:
    environment = environment_of(name)
    task = exemplar(name)
    verdict = Judge(SandboxTaskRunner(Arena(environment, process_sandbox, Limits())))(task)
    assert verdict.passed, (verdict.stage, verdict.reason)
    assert verdict.diagnostics["strength"]["noop_failures"] == []
    assert environment.redact(task.instruction, task.context) == task.instruction


@pytest.mark.parametrize("name", CONTEXTS)
def test_the_exemplar_is_no_held_out_task(name: str) -> None:
    environment = environment_of(name)
    tasks = [task for split in environment.splits() for task in environment.test_tasks(split)]
    nearest = HeldOutTexts.of(tasks).nearest(exemplar(name))
    assert nearest is not None
    assert nearest[1] < NEAR / 2, nearest


@pytest.mark.parametrize("name", CONTEXTS)
def test_the_prompt_is_filled_and_short(process_sandbox: Sandbox, name: str) -> None:
    arena = Arena(environment_of(name), process_sandbox, Limits())
    context = ProposalContext(arena, Judge(SandboxTaskRunner(arena)))
    scene: ChallengeScene = CodeAsTask(CodeAsTaskConfig()).scene(ProposalRequest(0, 1, 0), context)
    system, first = scene.start()
    assert example(name, True) in system.content
    for slot in ("{tools}", "{policy}", "{advice}", "{example}", "{start}", "{focus}", "{steps}"):
        assert slot not in system.content + first.content
    assert len(f"{system.content} {first.content}".split()) < MOST_WORDS
